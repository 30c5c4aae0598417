package nodelease

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	coordinationv1 "k8s.io/api/coordination/v1"
)

func TestAReportOfGuestsIsReadAsItWasWritten(t *testing.T) {
	at := time.Unix(1_700_000_000, 0).UTC()
	all := []GuestPods{{Guest: "rival", Pods: 2}, {Guest: "pharma", Pods: 3, Held: 2, Written: at, Repaired: 4}, {Pods: 1, Held: 1}}
	lease := &coordinationv1.Lease{}
	require.NoError(t, Write(lease, State{Node: "node-1", Guests: EncodeGuests(all)}))
	state, ok := Read(lease)
	require.True(t, ok)
	require.Equal(t, "=1/1@0,pharma=2/3@1700000000+4,rival=0/2@0", state.Guests)
	require.Equal(t, []GuestPods{all[2], all[1], all[0]}, DecodeGuests(state.Guests))
	require.NoError(t, Write(lease, State{Node: "node-1"}))
	require.NotContains(t, lease.Annotations, annotationGuests)
}

func TestAReportOfGuestsIsBounded(t *testing.T) {
	var all []GuestPods
	for i := range 1000 {
		all = append(all, GuestPods{Guest: fmt.Sprintf("guest-%04d", i), Pods: 100, Held: 100, Written: time.Now()})
	}
	require.Len(t, DecodeGuests(EncodeGuests(all)), mostGuests)
	for _, text := range []string{"", "a", "a=1", "a=1/2", "a=-1/2@0", "a=99999/1@0", "a=1/1@99999999999", "=,=,=", strings.Repeat("a=1/1@0,", 1<<16)} {
		require.Empty(t, DecodeGuests(text), "%.20s", text)
	}
	require.Len(t, DecodeGuests("x,a=1/2@3,y=z"), 1)
}
