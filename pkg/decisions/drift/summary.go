package drift

import (
	"fmt"
	"strings"

	"data-space.liqo.io/pkg/values/agentapi"
)

// Summary returns the first few findings for people, how many more there are, and how many counters a repair starts again.
func Summary(findings []Finding) string {
	const some = 5
	var texts []string
	for _, f := range findings[:min(some, len(findings))] {
		texts = append(texts, f.String())
	}
	if more := len(findings) - some; more > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", more))
	}
	if lost := restarted(findings); lost > 0 {
		texts = append(texts, fmt.Sprintf("counters that start again at zero: %d", lost))
	}
	return strings.Join(texts, "; ")
}

// restarted is the number of rules whose counters start again at zero when the findings are repaired: the rules had been removed. All other
// rules keep theirs.
func restarted(findings []Finding) (rules int) {
	for _, f := range findings {
		if f.Kind == Missing && strings.HasPrefix(f.What, ruleOf) {
			rules++
		}
	}
	return rules
}

// Differences returns the findings as the agent answers them.
func Differences(findings []Finding) []agentapi.Difference {
	var all []agentapi.Difference
	for _, f := range findings {
		all = append(all, agentapi.Difference{Family: string(f.Family), Kind: string(f.Kind), Where: f.Where, What: f.What})
	}
	return all
}
