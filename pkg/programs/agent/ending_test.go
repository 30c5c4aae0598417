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

	proxy    sandbox.Process
	proxyErr error
}

func (l looked) List(context.Context) ([]workload.Sandbox, error) { return nil, nil }
func (l looked) Sandbox(context.Context, string) (sandbox.Detail, error) {
	return l.detail, l.err
}
func (l looked) Process(context.Context, string) (sandbox.Process, error) {
	return l.proxy, l.proxyErr
}
func (l looked) Watch(context.Context, *atomic.Bool, func()) {}

// TestAPodThatEndsIsNoFailure: its addresses go before the runtime's list and the API server say so.
func TestAPodThatEndsIsNoFailure(t *testing.T) {
	lost := fail(ReasonNotThePods, netns.ErrNotThePods)
	write := fail(ReasonWrite, errors.New("no"))
	ready := sandbox.Detail{Ready: true, IPs: []netip.Addr{netip.MustParseAddr("203.0.113.5")}}
	want := assign.Assignment{UID: "1", Sandbox: "box", Verdict: assign.Enforce}
	for what, c := range map[string]struct {
		runtime looked
		before  Target
		err     error
		passes  bool
	}{
		"the sandbox is gone":            {looked{err: sandbox.ErrGone}, Target{}, lost, true},
		"the sandbox has stopped":        {looked{detail: sandbox.Detail{IPs: ready.IPs}}, Target{}, lost, true},
		"its network is torn down":       {looked{detail: sandbox.Detail{Ready: true}}, Target{}, lost, true},
		"it held the addresses before":   {looked{detail: ready}, Target{Sandbox: "box", Netns: "/n"}, lost, true},
		"it never held them":             {looked{detail: ready}, Target{}, lost, false},
		"another sandbox of the pod did": {looked{detail: ready}, Target{Sandbox: "other", Netns: "/n"}, lost, false},
		"the runtime does not answer":    {looked{err: errors.New("no")}, Target{Sandbox: "box", Netns: "/n"}, lost, false},
		"a write into one that is gone":  {looked{err: sandbox.ErrGone}, Target{}, write, true},
		"a write into one that is ready": {looked{detail: ready}, Target{}, write, false},
	} {
		a := &Agent{runtime: c.runtime, table: newTable()}
		a.table.replace(decisions(want))
		a.table.update("1", func(r *record) { r.target = c.before })
		err := a.orEnding(t.Context(), want, sandbox.Process{}, c.err)
		require.ErrorIs(t, err, c.err, what)
		require.Equal(t, c.passes, passing(err), what)
	}
}

// TestAProxyThatEndsIsNoFailure: the kernel rejects a rule that names the control group of a process that is gone, and the runtime
// may say so later than the kernel.
func TestAProxyThatEndsIsNoFailure(t *testing.T) {
	write := fail(ReasonWrite, errors.New("RULE_APPEND failed (Invalid argument)"))
	ready := sandbox.Detail{Ready: true, IPs: []netip.Addr{netip.MustParseAddr("203.0.113.5")}}
	tried := sandbox.Process{PID: 7, Cgroup: "/pod/proxy", CgroupInode: 70}
	next := sandbox.Process{PID: 9, Cgroup: "/pod/next", CgroupInode: 90}
	for what, c := range map[string]struct {
		listed  string
		runtime looked
		tried   sandbox.Process
		err     error
		passes  bool
	}{
		"it has ended":                {"c", looked{detail: ready, proxyErr: sandbox.ErrGone}, tried, write, true},
		"its control group went":      {"c", looked{detail: ready, proxy: sandbox.Process{PID: 7, Cgroup: "/pod/proxy"}}, tried, write, true},
		"another runs":                {"c", looked{detail: ready, proxy: next}, tried, write, true},
		"it was announced, and ended": {"", looked{detail: ready}, tried, write, true},
		"it runs":                     {"c", looked{detail: ready, proxy: tried}, tried, write, false},
		"the runtime does not answer": {"c", looked{detail: ready, proxyErr: errors.New("no")}, tried, write, false},
		"there was none":              {"", looked{detail: ready}, sandbox.Process{}, write, false},
		"the failure is another":      {"c", looked{detail: ready, proxyErr: sandbox.ErrGone}, tried, fail(ReasonLedger, errors.New("no")), false},
	} {
		a := &Agent{runtime: c.runtime, table: newTable()}
		err := a.orEnding(t.Context(), assign.Assignment{UID: "1", Sandbox: "box", Proxy: c.listed}, c.tried, c.err)
		require.ErrorIs(t, err, c.err, what)
		require.Equal(t, c.passes, passing(err), what)
	}
}
