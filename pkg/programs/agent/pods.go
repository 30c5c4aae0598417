package agent

import (
	"data-space.liqo.io/pkg/decisions/assign"
	"data-space.liqo.io/pkg/values/endpoint"
)

// Pods returns the foreign pods of the node that have, or should have, a proxy.
func (a *Agent) Pods() []endpoint.Endpoint {
	var pods []endpoint.Endpoint
	for _, r := range a.pods.all() {
		if r.want.Verdict == assign.Exempt {
			continue
		}
		pods = append(pods, endpoint.Endpoint{Namespace: r.want.Namespace, Name: r.want.Name, UID: r.want.UID, Guest: r.want.Guest})
	}
	return pods
}
