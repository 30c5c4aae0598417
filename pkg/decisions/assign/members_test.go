package assign_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/assign"
	"data-space.liqo.io/pkg/values/workload"
)

func TestMembers(t *testing.T) {
	one, two := workload.Container{ID: "1", Name: "app", State: workload.Running}, workload.Container{ID: "2", Name: "side", State: workload.Exited}
	m := assign.MembersOf([]workload.Container{two, one})
	require.Equal(t, m, assign.MembersOf([]workload.Container{one, two}), "their order says nothing")
	require.Equal(t, []workload.Container{one, two}, slices.Collect(m.All()))
	for c := range m.All() {
		require.Equal(t, one, c)
		break
	}
	require.Empty(t, slices.Collect(assign.MembersOf(nil).All()))

	a := assign.Assignment{UID: "u", Containers: m}
	require.True(t, a.But(assign.Assignment{UID: "u"}))
	require.False(t, a.But(assign.Assignment{UID: "v", Containers: m}))
}
