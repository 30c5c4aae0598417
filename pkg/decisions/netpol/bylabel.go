package netpol

import "data-space.liqo.io/pkg/values/netpolicy"

// byLabel finds the items whose selector may select an object. Items whose selector requires a label are indexed by that
// label, so a lookup reads only the items that require a label of the object and the items that require no single label.
type byLabel[T comparable] struct {
	exact map[string]map[T]struct{}
	rest  map[T]struct{}
}

func (b *byLabel[T]) add(s netpolicy.Selector, item T) {
	if s.Exact() == "" {
		if b.rest == nil {
			b.rest = map[T]struct{}{}
		}
		b.rest[item] = struct{}{}
		return
	}
	if b.exact == nil {
		b.exact = map[string]map[T]struct{}{}
	}
	if b.exact[s.Exact()] == nil {
		b.exact[s.Exact()] = map[T]struct{}{}
	}
	b.exact[s.Exact()][item] = struct{}{}
}

func (b *byLabel[T]) remove(s netpolicy.Selector, item T) {
	if s.Exact() == "" {
		delete(b.rest, item)
		return
	}
	delete(b.exact[s.Exact()], item)
	if len(b.exact[s.Exact()]) == 0 {
		delete(b.exact, s.Exact())
	}
}

// each calls f for every item whose selector may select an object with these labels. The caller evaluates the selector.
func (b *byLabel[T]) each(labels map[string]string, f func(T)) {
	for item := range b.rest {
		f(item)
	}
	if len(b.exact) == 0 {
		return
	}
	for k, v := range labels {
		for item := range b.exact[k+"="+v] {
			f(item)
		}
	}
}
