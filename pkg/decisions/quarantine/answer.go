package quarantine

import (
	"fmt"
	"strings"

	"data-space.liqo.io/pkg/values/agentapi"
)

// Answer returns the findings for which a pod is quarantined, as the agent answers them.
func Answer(findings []Finding) []agentapi.Finding {
	var all []agentapi.Finding
	for _, f := range findings {
		all = append(all, agentapi.Finding{Reason: string(f.Reason), Container: f.Container, Message: f.Message})
	}
	return all
}

// Summary returns the findings as people read them.
func Summary(findings []Finding) string {
	var texts []string
	for _, f := range findings {
		texts = append(texts, fmt.Sprintf("%s: %s", f.Reason, f.Message))
	}
	return strings.Join(texts, "; ")
}
