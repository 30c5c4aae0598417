package agent

import (
	"data-space.liqo.io/pkg/decisions/assign"
	"data-space.liqo.io/pkg/values/endpoint"
)

// Pods returns the foreign pods of the node that have, or should have, a proxy, in any order.
func (a *Agent) Pods() []endpoint.Endpoint { return a.pods.guarded() }

// guarded returns the pods that are not exempt. The record asks for them several times a second.
func (s *store) guarded() []endpoint.Endpoint {
	s.mu.Lock()
	defer s.mu.Unlock()
	pods := make([]endpoint.Endpoint, 0, len(s.records))
	for _, r := range s.records {
		if r.want.Verdict != assign.Exempt {
			pods = append(pods, endpoint.Endpoint{Namespace: r.want.Namespace, Name: r.want.Name, UID: r.want.UID, Guest: r.want.Guest})
		}
	}
	return pods
}
