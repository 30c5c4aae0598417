package assign

import (
	"iter"
	"slices"
	"strings"

	"data-space.liqo.io/pkg/values/workload"
)

// Members is the containers of a sandbox, of all kinds and in all states, without an order. It is a text, so that
// assignments can be compared.
type Members string

// MembersOf lists containers.
func MembersOf(containers []workload.Container) Members {
	lines := make([]string, 0, len(containers))
	for _, c := range containers {
		lines = append(lines, c.ID+" "+c.Name+" "+string(c.State)+"\n")
	}
	slices.Sort(lines)
	return Members(strings.Join(lines, ""))
}

// All returns the containers: their ids, names and states.
func (m Members) All() iter.Seq[workload.Container] {
	return func(yield func(workload.Container) bool) {
		for line := range strings.Lines(string(m)) {
			id, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
			name, state, _ := strings.Cut(rest, " ")
			if !yield(workload.Container{ID: id, Name: name, State: workload.State(state)}) {
				return
			}
		}
	}
}
