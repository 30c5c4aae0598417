package nodeoffers

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	coordinationv1 "k8s.io/api/coordination/v1"

	"data-space.liqo.io/pkg/values/nodelease"
)

func lease(t *testing.T, s nodelease.State) *coordinationv1.Lease {
	t.Helper()
	l := &coordinationv1.Lease{}
	require.NoError(t, nodelease.Write(l, s))
	return l
}

// In a cluster of 5,000 nodes 500 Leases are renewed a second: an ordinary renewal asks for no decision.
func TestAnOrdinaryRenewalIsNotDecidedOver(t *testing.T) {
	const nodes, rounds = 5000, 12
	w := newLeaseWatch(nodelease.Duration)
	now, decisions := time.Unix(1000, 0), 0
	for round := range rounds {
		for n := range nodes {
			l := lease(t, nodelease.State{Node: fmt.Sprint("node-", n), Holder: "pod", Boot: "boot", Renewed: time.Unix(int64(round), 0)})
			if _, decide := w.saw(l, now); decide {
				decisions++
			}
		}
		now = now.Add(nodelease.RenewEvery)
	}
	require.Equal(t, 2*nodes, decisions, "the first sight, and the first renewal")
	require.Len(t, w.all, nodes)
}

func TestWhatIsSeenOfALease(t *testing.T) {
	w := newLeaseWatch(nodelease.Duration)
	now := time.Unix(1000, 0)
	saw := func(holder, boot string, renewed int64) (bool, time.Time) {
		now = now.Add(time.Second)
		_, decide := w.saw(lease(t, nodelease.State{Node: "n", Holder: holder, Boot: boot, Renewed: time.Unix(renewed, 0)}), now)
		return decide, now
	}
	decide, first := saw("pod", "boot", 7)
	require.True(t, decide)
	require.Equal(t, first, w.of("n").Seen)
	require.Zero(t, w.of("n").Renewals)
	saw("pod", "boot", 7)
	require.Zero(t, w.of("n").Renewals, "the same once more is no renewal")
	require.Equal(t, first, w.of("n").Seen)
	decide, at := saw("pod", "boot", 3)
	require.True(t, decide)
	require.Equal(t, 1, w.of("n").Renewals, "whatever the agent's clock says")
	require.Equal(t, at, w.of("n").Seen)
	for _, change := range []struct{ holder, boot string }{{"", "boot"}, {"pod", "boot"}, {"pod", "boot-2"}} {
		decide, _ = saw(change.holder, change.boot, 9)
		require.True(t, decide, "%+v", change)
	}
	now = now.Add(nodelease.Duration)
	decide, _ = saw("pod", "boot-2", 10)
	require.True(t, decide, "it had been away")

	node, ok := w.lost(lease(t, nodelease.State{Node: "n"}))
	require.True(t, ok)
	require.Equal(t, "n", node)
	require.True(t, w.of("n").Deleted)
	saw("pod", "boot-2", 11)
	require.False(t, w.of("n").Deleted)
	require.Zero(t, w.of("n").Renewals, "a Lease made again starts from nothing")
	w.lost(lease(t, nodelease.State{Node: "n"}))
	w.forget("n")
	require.Empty(t, w.all)
	_, ok = w.lost(&coordinationv1.Lease{})
	require.False(t, ok)
}

func TestContactThatWasBrokenBeginsAgain(t *testing.T) {
	c := &contact{gap: 20 * time.Second}
	at := func(s int) time.Time { return time.Unix(int64(1000+s), 0) }
	require.Zero(t, c.since(at(0)))
	c.answered(at(0))
	c.answered(at(5))
	require.Equal(t, at(0), c.since(at(25)))
	require.Zero(t, c.since(at(26)), "no answer for too long: no contact")
	c.answered(at(100))
	require.Equal(t, at(100), c.since(at(101)))
}
