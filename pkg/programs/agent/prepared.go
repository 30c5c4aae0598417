package agent

import "data-space.liqo.io/pkg/decisions/drift"

// findings are what had been changed in a network namespace besides the rules.
func findings(prepared []string) []drift.Finding {
	var all []drift.Finding
	for _, what := range prepared {
		all = append(all, drift.Finding{Family: "ip", Kind: drift.Changed, Where: "network namespace", What: what})
	}
	return all
}
