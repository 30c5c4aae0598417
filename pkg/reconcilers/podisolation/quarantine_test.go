package podisolation

import (
	"context"
	"errors"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/assign"
	"data-space.liqo.io/pkg/decisions/quarantine"
	"data-space.liqo.io/pkg/effects/hostlink"
	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/values/endpoint"
	"data-space.liqo.io/pkg/values/failure"
	"data-space.liqo.io/pkg/values/workload"
)

// node plays the runtime and the links of a node. Every container of its pods may send raw packets.
type node struct {
	inode   uint64
	asked   int
	stopped []string
	walls   []string
	broken  error // why no wall can stand
}

func (n *node) Confinement(context.Context, string) (workload.Confinement, error) {
	n.asked++
	return workload.Confinement{Bounding: workload.CapabilitySet("NET_RAW"), Net: n.inode, PID: 7, Process: 70}, nil
}
func (n *node) ConfinementOf(int) (workload.Confinement, error) {
	return n.Confinement(context.Background(), "")
}
func (n *node) NodeProcesses() (uint64, error) { return 1, nil }
func (n *node) Stop(_ context.Context, container string) error {
	n.stopped = append(n.stopped, container)
	return nil
}

func (n *node) Up(_ *netns.Namespace, box string, _ []netip.Addr) (hostlink.Standing, error) {
	if n.broken == nil {
		n.walls = []string{box}
	}
	return hostlink.Standing{}, n.broken
}
func (n *node) Down(string) error  { n.walls = nil; return n.broken }
func (n *node) Standing() []string { return n.walls }

func quarantined(t *testing.T) (*node, *Quarantine) {
	t.Helper()
	own, err := netns.Own()
	require.NoError(t, err)
	n := &node{inode: own.Inode()}
	require.NoError(t, own.Close())
	open := func(endpoint.Target) (*netns.Namespace, error) { return netns.Own() }
	return n, New(Parts{
		Runtime: n, Wall: n, Open: open, OpenAny: open,
		UserNamespaced: func(*netns.Namespace) (bool, error) { return false, nil },
	})
}

var (
	box  = workload.Sandbox{ID: "box", Containers: []workload.Container{{ID: "c", Name: "app", State: workload.Running}}}
	want = assign.Assignment{Sandbox: "box", Proxy: "envoy", Containers: assign.MembersOf(box.Containers)}
)

func TestWhereNoWallCanStandTheContainerIsStopped(t *testing.T) {
	n, q := quarantined(t)
	n.broken = errors.New("the link is gone")
	out, err := q.Update(t.Context(), want, endpoint.Target{Sandbox: "box"})
	require.Equal(t, failure.Wall, failure.ReasonOf(err))
	require.Equal(t, []string{"c"}, n.stopped)
	require.True(t, out.Judged)
	require.Equal(t, quarantine.Capabilities, out.Findings[0].Reason)
}

func TestAContainerIsExaminedOnceUntilItIsNoLongerListed(t *testing.T) {
	n, q := quarantined(t)
	for range 3 {
		findings, err := q.Observe(t.Context(), want, endpoint.Target{Sandbox: "box"})
		require.NoError(t, err)
		require.Len(t, findings, 1)
	}
	require.Equal(t, 1, n.asked)
	require.NoError(t, q.Prune([]workload.Sandbox{box}, func(string) bool { return false }))
	require.Len(t, q.examined.seen, 1)
	require.NoError(t, q.Prune(nil, func(string) bool { return false }))
	require.Empty(t, q.examined.seen)
}

func TestAWallGoesWithItsPodOrItsFindings(t *testing.T) {
	n, q := quarantined(t)
	_, err := q.Update(t.Context(), want, endpoint.Target{Sandbox: "box"})
	require.NoError(t, err)
	require.Empty(t, n.stopped)
	require.NoError(t, q.Prune(nil, func(string) bool { return false }))
	require.Equal(t, []string{"box"}, n.walls, "its sandbox is about to be listed")
	ended, err := q.Delete("another")
	require.NoError(t, err)
	require.False(t, ended)
	ended, err = q.Delete("box")
	require.NoError(t, err)
	require.True(t, ended)

	_, err = q.Update(t.Context(), want, endpoint.Target{Sandbox: "box"})
	require.NoError(t, err)
	n.broken = errors.New("no memory")
	require.ErrorContains(t, q.Prune(nil, func(string) bool { return true }), "sandbox box: no memory")
}

func TestNoQuarantineJudgesNothing(t *testing.T) {
	var q *Quarantine
	out, err := q.Update(t.Context(), want, endpoint.Target{Sandbox: "box"})
	require.NoError(t, err)
	require.Equal(t, Result{Target: endpoint.Target{Sandbox: "box"}}, out)
	findings, err := q.BeforeStart("c", "app", 7, workload.Process{})
	require.NoError(t, err)
	require.Empty(t, findings)
}

func TestWhatFiltersFoundIsReturnedOnce(t *testing.T) {
	var counted uint64
	f := tally{dropped: func(found hostlink.Filtered) { counted += found.FromPod }}
	f.add("a", hostlink.Filtered{FromPod: 2, Repaired: true})
	f.add("a", hostlink.Filtered{FromPod: 3})
	f.add("b", hostlink.Filtered{FromPod: 1})
	require.Equal(t, hostlink.Filtered{FromPod: 5, Repaired: true}, f.take("a"))
	require.Zero(t, f.take("a"))
	f.forget([]string{"b"})
	require.Zero(t, f.take("b"))
	require.EqualValues(t, 6, counted)
}
