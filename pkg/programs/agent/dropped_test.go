package agent

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/assign"
	"data-space.liqo.io/pkg/effects/dataplane"
	"data-space.liqo.io/pkg/reconcilers/podrules"
	"data-space.liqo.io/pkg/values/fact"
	"data-space.liqo.io/pkg/values/iptables"
)

// The processes of a pod send refused packets without a pause: the log gets one fact each ten minutes, and the facts count every packet.
func TestAFloodOfRefusedPacketsIsAFactEachTenMinutesAndEachPacketIsCounted(t *testing.T) {
	l := newLife(t)
	var facts []fact.Fact
	l.agent.emit = func(f fact.Fact) { facts = append(facts, f) }
	began := time.Now()
	r := record{want: assign.Assignment{Guest: "pharma", Namespace: "space", Name: "study", UID: "1"}}
	outcome := func(dropped iptables.Drops) podrules.Outcome {
		return podrules.Outcome{Inode: 1, State: dataplane.State{Dropped: dropped}}
	}
	r.outcome = outcome(iptables.Drops{"ds-out-drop-udp": 1000})
	l.agent.countDropped(&r, podrules.Outcome{}, began)
	require.Empty(t, facts, "it is not known since when")
	var sent int64
	counts := iptables.Drops{"ds-out-drop-udp": 1000}
	for minute := range 60 {
		before := r.outcome
		more := iptables.Drops{"ds-early-end": 1_000_000}
		for rule := range 40 {
			more[fmt.Sprint("ds-rule-", rule)] = uint64(rule + 1)
			sent += int64(rule + 1)
		}
		counts = counts.Plus(more)
		r.outcome = outcome(counts)
		l.agent.countDropped(&r, before, began.Add(time.Duration(minute)*time.Minute))
	}
	require.Len(t, facts, 6)
	l.agent.recordChange(r, record{want: r.want})
	require.Equal(t, string(gone), facts[len(facts)-1].Details["to"])
	facts = facts[:len(facts)-1]
	require.Len(t, facts, 7, "what was left when the pod ended")
	var recorded int64
	for i, f := range facts {
		require.Equal(t, fact.PacketsDropped, f.Kind)
		require.Equal(t, fact.Subject{Guest: "pharma", Namespace: "space", Pod: "study", UID: "1"}, f.Subject)
		require.Equal(t, "ds-rule-39", f.Reason, "which dropped most")
		require.Len(t, f.Details, fact.MaxDetails)
		line, err := fact.Encode(int64(i), f)
		require.NoError(t, err)
		require.Less(t, len(line), 1024)
		recorded += f.Count
	}
	require.Equal(t, sent, recorded)
}
