package doctor

import (
	"cmp"
	"slices"
)

// Examine returns the findings: problems first, then by where they are.
func Examine(o Observations) []Finding {
	findings := slices.Concat(nodes(o), planes(o), peering(o), programs(o), spaces(o))
	for _, what := range o.Unreadable {
		findings = append(findings, Finding{"cluster", what + ": so what depends on it was not examined", "give the caller the right, or ask one who has it", true})
	}
	slices.SortStableFunc(findings, func(a, b Finding) int {
		if a.Warning != b.Warning {
			return map[bool]int{false: -1, true: 1}[a.Warning]
		}
		return cmp.Compare(a.Where, b.Where)
	})
	return findings
}
