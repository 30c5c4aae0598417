package netpol

import (
	"maps"

	"data-space.liqo.io/pkg/values/netpolicy"
)

// ListBegins begins a complete list of a kind. Listed changes follow, then ListEnds. A second ListBegins replaces a list that
// did not end.
type ListBegins struct{ Kind Kind }

// Listed is a change that is part of a list.
type Listed struct{ Change Change }

// ListEnds ends the list of a kind. Objects that the list did not contain are gone. The first list of a kind is applied object
// by object. The differences of a later list are applied here as one change, because the order in which they happened is
// unknown.
type ListEnds struct{ Kind Kind }

func (c ListBegins) apply(x *Index) {
	l := &x.lists[c.Kind]
	l.number++
	l.pending, l.touched = nil, map[netpolicy.Key]struct{}{}
}

func (c Listed) apply(x *Index) {
	kind, key, same := x.compare(c.Change)
	l := &x.lists[kind]
	if _, touched := l.touched[key]; l.complete && (touched || !same) {
		l.touched[key] = struct{}{}
		l.pending = append(l.pending, c.Change)
		return
	}
	if !l.complete {
		c.Change.apply(x)
	}
}

// compare returns the key of the change's object and whether the index has the object unchanged. It marks the object as listed.
func (x *Index) compare(change Change) (kind Kind, key netpolicy.Key, same bool) {
	switch c := change.(type) {
	case PodSeen:
		if ns := x.namespaces[c.Pod.Namespace]; ns != nil && ns.pods[c.Pod.Name] != nil {
			p := ns.pods[c.Pod.Name]
			p.listed = x.lists[Pods].number
			return Pods, c.Pod.Key, p.Equal(c.Pod)
		}
		return Pods, c.Pod.Key, false
	case PodGone:
		return Pods, c.Key, false
	case NamespaceSeen:
		if ns := x.namespaces[c.Namespace.Name]; ns != nil {
			ns.listed = x.lists[Namespaces].number
			return Namespaces, netpolicy.Key{Name: c.Namespace.Name}, ns.seen && maps.Equal(ns.labels, c.Namespace.Labels)
		}
		return Namespaces, netpolicy.Key{Name: c.Namespace.Name}, false
	case NamespaceGone:
		return Namespaces, netpolicy.Key{Name: c.Name}, false
	case PolicySeen:
		if ns := x.namespaces[c.Policy.Namespace]; ns != nil && ns.policies[c.Policy.Name] != nil {
			p := ns.policies[c.Policy.Name]
			p.listed = x.lists[Policies].number
			return Policies, c.Policy.Key, p.Equal(c.Policy)
		}
		return Policies, c.Policy.Key, false
	case PolicyGone:
		return Policies, c.Key, false
	}
	return Pods, netpolicy.Key{}, false
}

func (c ListEnds) apply(x *Index) {
	l := &x.lists[c.Kind]
	x.unlisted(c.Kind).apply(x)
	l.pending.apply(x)
	l.complete, l.pending, l.touched = true, nil, nil
}

// unlisted returns the deletions of the objects that the list did not contain.
func (x *Index) unlisted(kind Kind) together {
	var out together
	number := x.lists[kind].number
	for _, ns := range x.namespaces {
		if kind == Namespaces && ns.seen && ns.listed != number {
			out = append(out, NamespaceGone{Name: ns.name})
		}
		if kind == Pods {
			out = append(out, ns.unlistedPods(number)...)
		}
		if kind == Policies {
			out = append(out, ns.unlistedPolicies(number)...)
		}
	}
	return out
}

func (ns *namespace) unlistedPods(number uint32) together {
	var out together
	for _, p := range ns.pods {
		if p.listed != number {
			out = append(out, PodGone{Key: p.Key})
		}
	}
	return out
}

func (ns *namespace) unlistedPolicies(number uint32) together {
	var out together
	for _, p := range ns.policies {
		if p.listed != number {
			out = append(out, PolicyGone{Key: p.Key})
		}
	}
	return out
}

// together is several changes whose order is unknown, for example the differences of a new list. They are enforced as one
// change.
type together []Change

func (c together) apply(x *Index) {
	for _, change := range c {
		change.apply(x)
	}
}

// single reports whether the change happened in the cluster at one moment.
func single(c Change) bool {
	switch c.(type) {
	case together, ListEnds:
		return false
	}
	return true
}
