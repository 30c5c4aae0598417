package agent

import (
	"context"
	"errors"
	"net/netip"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/assign"
	"data-space.liqo.io/pkg/decisions/redirect"
	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/effects/sandbox"
	"data-space.liqo.io/pkg/reconcilers/podrules"
	"data-space.liqo.io/pkg/values/endpoint"
	"data-space.liqo.io/pkg/values/failure"
	"data-space.liqo.io/pkg/values/workload"
)

// looked is a runtime that answers every look at a sandbox alike.
type looked struct {
	detail sandbox.Detail
	err    error

	proxy    workload.Process
	proxyErr error
}

func (l looked) List(context.Context) ([]workload.Sandbox, error) { return nil, nil }
func (l looked) Sandbox(context.Context, string) (sandbox.Detail, error) {
	return l.detail, l.err
}
func (l looked) Process(context.Context, string) (workload.Process, error) {
	return l.proxy, l.proxyErr
}
func (l looked) Watch(context.Context, *atomic.Bool, func()) {}

// TestAPodThatEndsIsNoFailure: its addresses go before the runtime's list and the API server say so.
func TestAPodThatEndsIsNoFailure(t *testing.T) {
	lost := failure.New(failure.NotThePods, netns.ErrNotThePods)
	write := failure.New(failure.Write, errors.New("no"))
	ready := sandbox.Detail{Ready: true, IPs: []netip.Addr{netip.MustParseAddr("203.0.113.5")}}
	want := assign.Assignment{UID: "1", Sandbox: "box", Verdict: assign.Enforce}
	for what, c := range map[string]struct {
		runtime looked
		before  endpoint.Target
		err     error
		passes  bool
	}{
		"the sandbox is gone":            {looked{err: sandbox.ErrGone}, endpoint.Target{}, lost, true},
		"the sandbox has stopped":        {looked{detail: sandbox.Detail{IPs: ready.IPs}}, endpoint.Target{}, lost, true},
		"its network is torn down":       {looked{detail: sandbox.Detail{Ready: true}}, endpoint.Target{}, lost, true},
		"it held the addresses before":   {looked{detail: ready}, endpoint.Target{Sandbox: "box", Netns: "/n"}, lost, true},
		"it never held them":             {looked{detail: ready}, endpoint.Target{}, lost, false},
		"another sandbox of the pod did": {looked{detail: ready}, endpoint.Target{Sandbox: "other", Netns: "/n"}, lost, false},
		"the runtime does not answer":    {looked{err: errors.New("no")}, endpoint.Target{Sandbox: "box", Netns: "/n"}, lost, false},
		"a write into one that is gone":  {looked{err: sandbox.ErrGone}, endpoint.Target{}, write, true},
		"a write into one that is ready": {looked{detail: ready}, endpoint.Target{}, write, false},
	} {
		a := &Agent{runtime: c.runtime, pods: newStore(), rules: podrules.New(redirect.Settings{}, podrules.Parts{})}
		a.pods.replace(decisions(want), false)
		a.pods.update("1", func(r *record) { r.target = c.before })
		err := a.orEnding(t.Context(), want, workload.Process{}, c.err)
		require.ErrorIs(t, err, c.err, what)
		require.Equal(t, c.passes, passing(err), what)
	}
}

// TestAProxyThatEndsIsNoFailure: the kernel rejects a rule that names the control group of a process that is gone, and the runtime
// may say so later than the kernel.
func TestAProxyThatEndsIsNoFailure(t *testing.T) {
	write := failure.New(failure.Write, errors.New("RULE_APPEND failed (Invalid argument)"))
	ready := sandbox.Detail{Ready: true, IPs: []netip.Addr{netip.MustParseAddr("203.0.113.5")}}
	tried := workload.Process{PID: 7, Cgroup: "/pod/proxy", CgroupInode: 70}
	next := workload.Process{PID: 9, Cgroup: "/pod/next", CgroupInode: 90}
	for what, c := range map[string]struct {
		listed  string
		runtime looked
		tried   workload.Process
		err     error
		passes  bool
	}{
		"it has ended":                {"c", looked{detail: ready, proxyErr: sandbox.ErrGone}, tried, write, true},
		"its control group went":      {"c", looked{detail: ready, proxy: workload.Process{PID: 7, Cgroup: "/pod/proxy"}}, tried, write, true},
		"another runs":                {"c", looked{detail: ready, proxy: next}, tried, write, true},
		"it was announced, and ended": {"", looked{detail: ready}, tried, write, true},
		"it runs":                     {"c", looked{detail: ready, proxy: tried}, tried, write, false},
		"the runtime does not answer": {"c", looked{detail: ready, proxyErr: errors.New("no")}, tried, write, false},
		"there was none":              {"", looked{detail: ready}, workload.Process{}, write, false},
		"the failure is another":      {"c", looked{detail: ready, proxyErr: sandbox.ErrGone}, tried, failure.New(failure.Ledger, errors.New("no")), false},
	} {
		a := &Agent{runtime: c.runtime, pods: newStore(), rules: podrules.New(redirect.Settings{}, podrules.Parts{})}
		err := a.orEnding(t.Context(), assign.Assignment{UID: "1", Sandbox: "box", Proxy: c.listed}, c.tried, c.err)
		require.ErrorIs(t, err, c.err, what)
		require.Equal(t, c.passes, passing(err), what)
	}
}
