package agent

import (
	"data-space.liqo.io/pkg/decisions/drift"
	"data-space.liqo.io/pkg/decisions/quarantine"
	"data-space.liqo.io/pkg/values/agentapi"
)

// against returns the findings for which a pod is quarantined, as the agent answers them.
func against(findings []quarantine.Finding) []agentapi.Finding {
	var all []agentapi.Finding
	for _, f := range findings {
		all = append(all, agentapi.Finding{Reason: string(f.Reason), Container: f.Container, Message: f.Message})
	}
	return all
}

// differences returns what differs from the planned rules, as the agent answers it.
func differences(findings []drift.Finding) []agentapi.Difference {
	var all []agentapi.Difference
	for _, f := range findings {
		all = append(all, agentapi.Difference{Family: string(f.Family), Kind: string(f.Kind), Where: f.Where, What: f.What})
	}
	return all
}
