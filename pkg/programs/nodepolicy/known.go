package nodepolicy

import (
	"cmp"
	"maps"
	"slices"

	"data-space.liqo.io/pkg/decisions/netpol"
	"data-space.liqo.io/pkg/values/fact"
	"data-space.liqo.io/pkg/values/netpolicy"
)

// known holds what was recorded of the policies and of this node's pods: a list repeats objects, and only differences are recorded. It holds no pod
// without an address and no pod that policies do not judge. One goroutine uses it.
type known struct {
	node     string
	spaces   map[string]map[string]string        // labels of all namespaces
	policies map[netpolicy.Key]string            // hash of the rules: the rules are long, and a cluster has many policies
	waiting  map[netpolicy.Key]map[string]string // details of policies, until found returns them; then nil
	pods     map[netpolicy.Key]netpolicy.Pod
	details  map[netpolicy.Key]map[string]string // of pods, as they were recorded
	listed   map[netpol.Kind]map[netpolicy.Key]bool
}

func newKnown(node string) *known {
	return &known{
		node: node, spaces: map[string]map[string]string{}, policies: map[netpolicy.Key]string{}, waiting: map[netpolicy.Key]map[string]string{},
		pods: map[netpolicy.Key]netpolicy.Pod{}, details: map[netpolicy.Key]map[string]string{}, listed: map[netpol.Kind]map[netpolicy.Key]bool{},
	}
}

// take applies a change, and returns a fact for each policy and each pod that differs from what was recorded.
func (k *known) take(c netpol.Change) []fact.Fact {
	switch c := c.(type) {
	case netpol.ListBegins:
		k.listed[c.Kind] = map[netpolicy.Key]bool{}
	case netpol.Listed:
		return k.take(c.Change)
	case netpol.ListEnds:
		return k.unlisted(c.Kind)
	case netpol.NamespaceSeen:
		k.list(netpol.Namespaces, netpolicy.Key{Name: c.Namespace.Name})
		k.spaces[c.Namespace.Name] = c.Namespace.Labels
		return k.relabelled(c.Namespace.Name)
	case netpol.NamespaceGone:
		delete(k.spaces, c.Name)
		return k.relabelled(c.Name)
	case netpol.PodSeen:
		return k.pod(c.Pod)
	case netpol.PodGone:
		return k.podGone(c.Key)
	case netpol.PolicySeen:
		return k.policy(c.Policy)
	case netpol.PolicyGone:
		return k.policyGone(c.Key)
	}
	return nil
}

// unlisted ends a list: objects that it did not contain are gone.
func (k *known) unlisted(kind netpol.Kind) (facts []fact.Fact) {
	listed := k.listed[kind]
	delete(k.listed, kind)
	gone := func(key netpolicy.Key) bool { return listed != nil && !listed[key] }
	switch kind {
	case netpol.Namespaces:
		for _, name := range slices.Sorted(maps.Keys(k.spaces)) {
			if gone(netpolicy.Key{Name: name}) {
				facts = append(facts, k.take(netpol.NamespaceGone{Name: name})...)
			}
		}
	case netpol.Pods:
		for _, key := range sorted(k.pods) {
			if gone(key) {
				facts = append(facts, k.podGone(key)...)
			}
		}
	case netpol.Policies:
		for _, key := range sorted(k.policies) {
			if gone(key) {
				facts = append(facts, k.policyGone(key)...)
			}
		}
	}
	return facts
}

func (k *known) list(kind netpol.Kind, key netpolicy.Key) {
	if k.listed[kind] != nil {
		k.listed[kind][key] = true
	}
}

func (k *known) policy(p netpolicy.Policy) []fact.Fact {
	k.list(netpol.Policies, p.Key)
	details := described(p)
	hash := details["sha256"]
	if k.policies[p.Key] == hash {
		return nil
	}
	k.policies[p.Key] = hash
	if k.waiting != nil {
		k.waiting[p.Key] = details
	}
	return []fact.Fact{policyFact("Applied", p.Key, details)}
}

func (k *known) policyGone(key netpolicy.Key) []fact.Fact {
	if _, is := k.policies[key]; !is {
		return nil
	}
	delete(k.policies, key)
	delete(k.waiting, key)
	return []fact.Fact{policyFact("Deleted", key, map[string]string{"name": key.String()})}
}

func (k *known) pod(p netpolicy.Pod) []fact.Fact {
	if p.Node != k.node || !p.Judged() || len(p.IPs) == 0 {
		return k.podGone(p.Key)
	}
	k.list(netpol.Pods, p.Key)
	return k.described(p)
}

// described returns the fact of a pod whose details differ from those that were recorded.
func (k *known) described(p netpolicy.Pod) []fact.Fact {
	details := k.describe(p)
	before := k.details[p.Key]
	k.pods[p.Key], k.details[p.Key] = p, details
	if maps.Equal(before, details) {
		return nil
	}
	reason := "Changed"
	if before == nil {
		reason = "Added"
	}
	return []fact.Fact{k.podFact(reason, p.Key, details)}
}

func (k *known) podGone(key netpolicy.Key) []fact.Fact {
	if _, is := k.pods[key]; !is {
		return nil
	}
	delete(k.pods, key)
	delete(k.details, key)
	return []fact.Fact{k.podFact("Gone", key, nil)}
}

// relabelled returns the facts of a namespace's pods, whose details have its labels.
func (k *known) relabelled(space string) (facts []fact.Fact) {
	for _, key := range sorted(k.pods) {
		if key.Namespace == space {
			facts = append(facts, k.described(k.pods[key])...)
		}
	}
	return facts
}

// found returns a fact for each policy and each pod that is there when the agent starts. It is called once.
func (k *known) found() (facts []fact.Fact) {
	for _, key := range sorted(k.waiting) {
		facts = append(facts, policyFact("Found", key, k.waiting[key]))
	}
	k.waiting = nil
	for _, key := range sorted(k.pods) {
		facts = append(facts, k.podFact("Found", key, k.details[key]))
	}
	return facts
}

func sorted[T any](m map[netpolicy.Key]T) []netpolicy.Key {
	return slices.SortedFunc(maps.Keys(m), func(a, b netpolicy.Key) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
}
