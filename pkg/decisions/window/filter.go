package window

import (
	"net/url"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// filter decides about a read of a kind that visibility names.
func filter(v Visible, r Request) (Verdict, error) {
	if r.Verb == "get" {
		return one(v, r)
	}
	query, err := known(r.Query, listParameters())
	if err != nil {
		return Verdict{}, err
	}
	verdict := Verdict{Action: Filter, Path: collection(r), Query: withMetadata(query), Watch: r.Verb == "watch", Visible: v}
	own, single := v.selector()
	if single {
		selector, err := intersect(query.Get(labelSelector), own)
		if err != nil {
			return Verdict{}, err
		}
		query.Set(labelSelector, selector)
		verdict.Visible.bySelector = true
		if builtIn(r.Kind) {
			verdict.Action = Narrow
			return verdict, nil
		}
	}
	return verdict, withoutPages(query)
}

// withMetadata has rows of tables bear their objects' metadata, by which they are filtered.
func withMetadata(query url.Values) url.Values {
	if query.Has("includeObject") && query.Get("includeObject") != "Object" {
		query.Set("includeObject", "Metadata")
	}
	return query
}

// builtIn reports whether a kind is known to be cluster-scoped.
func builtIn(k schema.GroupResource) bool {
	switch k.String() {
	case "nodes", "storageclasses.storage.k8s.io", "ingressclasses.networking.k8s.io", "priorityclasses.scheduling.k8s.io", "runtimeclasses.node.k8s.io":
		return true
	}
	return false
}

func one(v Visible, r Request) (Verdict, error) {
	if !v.ByLabels() && !v.Shows(r.Name, "", nil) {
		return Verdict{Action: Hide}, nil
	}
	query, err := oneByName(r)
	return Verdict{Action: Filter, Path: collection(r), Query: withMetadata(query), One: true, Visible: v}, err
}

// selector returns the requirements of the one selector that decides about objects, if there is one.
func (v Visible) selector() (labels.Requirements, bool) {
	if len(v.by) != 1 {
		return nil, false
	}
	selector, single := v.by[0].Selector(v.kind)
	if !single {
		return nil, false
	}
	return selector.Requirements()
}
