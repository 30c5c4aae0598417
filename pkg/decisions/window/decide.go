package window

import "k8s.io/apimachinery/pkg/runtime/schema"

// Decide returns what happens to a request of a caller who belongs to these guests.
func (g Guests) Decide(ids []string, r Request) (Verdict, error) {
	reads := r.Method == get && (r.Verb == "get" || r.Verb == "list" || r.Verb == "watch")
	if operation, changes := operationOf(r); changes && len(ids) > 0 {
		return write(g.visibleTo(ids, r.Kind), operation, r)
	}
	switch {
	case len(ids) == 0 || !r.Resource || !reads || r.VerbInPath || r.Subresource != "":
		return Verdict{Action: Pass}, nil
	case r.Kind == schema.GroupResource{Resource: "namespaces"}:
		return g.narrowNamespaces(ids, r)
	}
	visible := g.visibleTo(ids, r.Kind)
	switch {
	case r.Namespace != "":
		return Verdict{Action: Pass}, nil
	case len(visible.by) > 0:
		return filter(visible, r)
	case r.Kind == volumes():
		return ownVolumes(r)
	case r.Kind == nodeMetrics() && r.Verb != "watch": // which no server of metrics has
		return metricsOf(g.visibleTo(ids, nodesKind()), r)
	}
	return Verdict{Action: Pass}, nil
}

func (g Guests) narrowNamespaces(ids []string, r Request) (Verdict, error) {
	own, err := g.ownNamespaces(ids)
	if err != nil {
		return Verdict{}, err
	}
	query, err := queryOf(r)
	if err != nil {
		return Verdict{}, err
	}
	selector, err := intersect(query.Get(labelSelector), own)
	if err != nil {
		return Verdict{}, err
	}
	query.Set(labelSelector, selector)
	return Verdict{Action: Narrow, Path: collection(r), Query: query, Watch: r.Verb == "watch", One: r.Verb == "get"}, nil
}
