package window

import "k8s.io/apimachinery/pkg/runtime/schema"

func nodesKind() schema.GroupResource { return schema.GroupResource{Resource: "nodes"} }

func nodeMetrics() schema.GroupResource {
	return schema.GroupResource{Group: "metrics.k8s.io", Resource: "nodes"}
}

// metricsOf decides about a read of nodes' metrics where the guest's visibility does not name that kind: the answer has the metrics of the nodes that the
// guest sees. The program decides by the nodes' own labels: the metrics server chooses the labels of metrics.
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
