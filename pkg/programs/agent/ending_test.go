package agent

import (
	"context"
	"errors"
	"net/netip"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/assign"
	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/effects/sandbox"
	"data-space.liqo.io/pkg/values/workload"
)

// looked is a runtime that answers every look at a sandbox alike.
type looked struct {
	detail sandbox.Detail
	err    error
}

func (l looked) List(context.Context) ([]workload.Sandbox, error) { return nil, nil }
func (l looked) Sandbox(context.Context, string) (sandbox.Detail, error) {
	return l.detail, l.err
}
func (l looked) Process(context.Context, string) (sandbox.Process, error) {
	return sandbox.Process{}, nil
}
func (l looked) Watch(context.Context, *atomic.Bool, func()) {}

// TestAPodThatEndsIsNoFailure: its addresses go before the runtime's list and the API server say so.
func TestAPodThatEndsIsNoFailure(t *testing.T) {
	lost := fail(ReasonNotThePods, netns.ErrNotThePods)
	ready := sandbox.Detail{Ready: true, IPs: []netip.Addr{netip.MustParseAddr("203.0.113.5")}}
	want := assign.Assignment{UID: "1", Sandbox: "box", Verdict: assign.Enforce}
	for what, c := range map[string]struct {
		runtime looked
		before  Target
		err     error
		passes  bool
	}{
		"the sandbox is gone":                 {looked{err: sandbox.ErrGone}, Target{}, lost, true},
		"the sandbox has stopped":             {looked{detail: sandbox.Detail{IPs: ready.IPs}}, Target{}, lost, true},
		"its network is torn down":            {looked{detail: sandbox.Detail{Ready: true}}, Target{}, lost, true},
		"it held the addresses before":        {looked{detail: ready}, Target{Sandbox: "box", Netns: "/n"}, lost, true},
		"it never held them":                  {looked{detail: ready}, Target{}, lost, false},
		"another sandbox of the pod did":      {looked{detail: ready}, Target{Sandbox: "other", Netns: "/n"}, lost, false},
		"the runtime does not answer":         {looked{err: errors.New("no")}, Target{Sandbox: "box", Netns: "/n"}, lost, false},
		"another failure of one that is gone": {looked{err: sandbox.ErrGone}, Target{}, fail(ReasonWrite, errors.New("no")), false},
	} {
		a := &Agent{runtime: c.runtime, table: newTable()}
		a.table.replace(decisions(want))
		a.table.update("1", func(r *record) { r.target = c.before })
		err := a.orEnding(t.Context(), want, c.err)
		require.ErrorIs(t, err, c.err, what)
		require.Equal(t, c.passes, passing(err), what)
	}
}
