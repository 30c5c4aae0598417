package netpol

func (x *Index) namespace(name string) *namespace {
	ns, ok := x.namespaces[name]
	if !ok {
		ns = &namespace{name: name, pods: map[string]*pod{}, local: map[*pod]struct{}{}, policies: map[string]*policy{}}
		x.namespaces[name] = ns
	}
	return ns
}

func (c NamespaceSeen) apply(x *Index) {
	ns := x.namespace(c.Namespace.Name)
	ns.listed = x.lists[Namespaces].number
	x.relabel(ns, c.Namespace.Labels, true)
}

func (c NamespaceGone) apply(x *Index) {
	if ns, ok := x.namespaces[c.Name]; ok {
		x.relabel(ns, nil, false)
		x.tx.emptied(ns)
	}
}

// relabel adds the namespace's pods to the groups whose namespace selector now selects it, and removes them from the groups
// whose selector no longer does.
func (x *Index) relabel(ns *namespace, labels map[string]string, seen bool) {
	var in, out []*set
	for s := range x.selecting {
		before := ns.seen && s.group.namespaces.Matches(ns.labels)
		after := seen && s.group.namespaces.Matches(labels)
		if after && !before {
			in = append(in, s)
		}
		if before && !after {
			out = append(out, s)
		}
	}
	ns.labels, ns.seen = labels, seen
	for _, s := range in {
		ns.groups.add(s.group.pods, s)
		for _, p := range ns.pods {
			x.enter(p, s, s.group.entriesOf(p))
		}
	}
	for _, s := range out {
		ns.groups.remove(s.group.pods, s)
		for _, p := range ns.pods {
			x.enter(p, s, nil)
		}
	}
	for p := range ns.local {
		x.await(p)
	}
	x.reclose()
}
