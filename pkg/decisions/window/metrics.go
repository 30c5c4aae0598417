package window

import "k8s.io/apimachinery/pkg/runtime/schema"

func nodesKind() schema.GroupResource { return schema.GroupResource{Resource: "nodes"} }

func nodeMetrics() schema.GroupResource {
	return schema.GroupResource{Group: "metrics.k8s.io", Resource: "nodes"}
}

// metricsOf decides about a read of the metrics of nodes, of which the guest's visibility names none: the answer has those of the nodes that it sees. The
// program decides by the nodes themselves, for what labels metrics bear is up to their server.
func metricsOf(nodes Visible, r Request) (Verdict, error) {
	if len(nodes.by) == 0 {
		return Verdict{Action: Pass}, nil
	}
	if r.Verb == "get" {
		v, err := one(nodes, r)
		v.NodeMetrics = v.Action == Filter
		return v, err
	}
	query, err := known(r.Query, listParameters())
	if err != nil {
		return Verdict{}, err
	}
	if err := withoutPages(query); err != nil {
		return Verdict{}, err
	}
	return Verdict{Action: Filter, Path: collection(r), Query: withMetadata(query), Visible: nodes, NodeMetrics: true}, nil
}
