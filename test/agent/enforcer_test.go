//go:build kernel

package agent_test

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/containernetworking/plugins/pkg/testutils"
	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"data-space.liqo.io/pkg/decisions/redirect"
	"data-space.liqo.io/pkg/effects/dataplane"
	"data-space.liqo.io/pkg/effects/ledger"
	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/effects/sandbox"
	"data-space.liqo.io/pkg/effects/xtables"
	"data-space.liqo.io/pkg/programs/agent"
	"data-space.liqo.io/pkg/reconcilers/podrules"
	"data-space.liqo.io/pkg/values/agentapi"
	"data-space.liqo.io/pkg/values/endpoint"
	"data-space.liqo.io/pkg/values/failure"
	"data-space.liqo.io/pkg/values/iptables"
	"data-space.liqo.io/pkg/values/workload"
	"data-space.liqo.io/test/kit"
)

// target is a network namespace that holds the pod's IP.
func target(t *testing.T) endpoint.Target {
	t.Helper()
	handle, err := testutils.NewNS()
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, handle.Close())
		require.NoError(t, testutils.UnmountNS(handle))
	})
	return targetAt(t, handle)
}

// targetAt gives the network namespace the pod's IP.
func targetAt(t *testing.T, handle ns.NetNS) endpoint.Target {
	t.Helper()
	ip := netip.MustParseAddr("203.0.113.7")
	require.NoError(t, handle.Do(func(ns.NetNS) error {
		lo, err := netlink.LinkByName("lo")
		if err != nil {
			return err
		}
		address, err := netlink.ParseAddr(ip.String() + "/32")
		return errors.Join(err, netlink.AddrAdd(lo, address), netlink.LinkSetUp(lo))
	}))
	return endpoint.Target{
		Endpoint: endpoint.Endpoint{Namespace: "pharma", Name: "job", UID: "uid", Guest: "pharma-1", IPs: []netip.Addr{ip}},
		Sandbox:  "box", Netns: handle.Path(),
	}
}

// saved is what another program sees there.
func saved(t *testing.T, b xtables.Backend, path string) string {
	t.Helper()
	handle, err := ns.GetNS(path)
	require.NoError(t, err)
	defer handle.Close()
	var all strings.Builder
	require.NoError(t, handle.Do(func(ns.NetNS) error {
		for _, program := range []string{"iptables-", "ip6tables-"} {
			out, err := exec.Command(program + string(b) + "-save").Output()
			if err != nil {
				return err
			}
			all.Write(out)
		}
		return nil
	}))
	return all.String()
}

func inodeOf(t *testing.T, c kit.Cgroup) uint64 {
	t.Helper()
	var s unix.Stat_t
	require.NoError(t, unix.Stat(c.Dir, &s))
	return s.Ino
}

func eachBackend(t *testing.T, f func(t *testing.T, b xtables.Backend, e *podrules.Reconciler, memory *ledger.Ledger)) {
	t.Helper()
	for _, b := range []xtables.Backend{xtables.NFT, xtables.Legacy} {
		t.Run(string(b), func(t *testing.T) {
			memory, err := ledger.Open(t.TempDir())
			require.NoError(t, err)
			f(t, b, podrules.New(redirect.Settings{IPv6: true}, podrules.Parts{Dataplane: dataplane.New(b), Store: memory}), memory)
		})
	}
}

func TestEnsure(t *testing.T) {
	eachBackend(t, func(t *testing.T, b xtables.Backend, e *podrules.Reconciler, memory *ledger.Ledger) {
		t.Helper()
		tg := target(t)
		first, err := e.Update(t.Context(), tg)
		require.NoError(t, err)
		require.True(t, first.State.Wrote)
		require.Empty(t, first.Repaired, "a first write repairs nothing")

		again, err := e.Update(t.Context(), tg)
		require.NoError(t, err)
		require.False(t, again.State.Wrote, "what the kernel holds is not written again")
		require.Equal(t, first.State.Hash, again.State.Hash)

		group := kit.NewCgroup(t)
		tg.Proxy = workload.Process{PID: 1, Cgroup: group.Path, CgroupInode: inodeOf(t, group)}
		bound, err := e.Update(t.Context(), tg)
		require.NoError(t, err)
		require.True(t, bound.Bound)
		require.Contains(t, saved(t, b, tg.Netns), group.Path)

		group.Remove(t)
		group.Make(t)
		tg.Proxy.CgroupInode = inodeOf(t, group)
		rebound, err := e.Update(t.Context(), tg)
		require.NoError(t, err)
		require.True(t, rebound.State.Wrote, "the same text is bound to another control group")
		require.Empty(t, rebound.Repaired)

		group.Remove(t)
		tg.Proxy.Cgroup += "-never-there"
		_, err = e.Update(t.Context(), tg)
		require.Error(t, err, "the proxy ended before it could be bound")
		require.NotContains(t, saved(t, b, tg.Netns), group.Path, "the pod is closed then")
		require.Contains(t, saved(t, b, tg.Netns), ":OUTPUT DROP")

		require.NoError(t, e.Delete(t.Context(), tg))
		require.NotContains(t, saved(t, b, tg.Netns), "DROP")
		require.Empty(t, memory.All())
	})
}

func TestAPodThatCannotHoldThePlanIsClosed(t *testing.T) {
	eachBackend(t, func(t *testing.T, b xtables.Backend, e *podrules.Reconciler, _ *ledger.Ledger) {
		t.Helper()
		handle, err := ns.GetNS(kit.UserNamespaced(t))
		require.NoError(t, err)
		defer handle.Close()
		tg, group := targetAt(t, handle), kit.NewCgroup(t)
		for _, proxy := range []workload.Process{{}, {PID: 1, Cgroup: group.Path, CgroupInode: inodeOf(t, group)}} {
			tg.Proxy = proxy
			_, err = e.Update(t.Context(), tg)
			require.ErrorContains(t, err, "hostUsers: true", "the way out")
			require.Equal(t, 2, strings.Count(saved(t, b, tg.Netns), ":OUTPUT DROP"), "both families")
		}
	})
}

// losing is a data plane of a kernel that has lost an extension: the plan's three tables cannot be written, one can.
type losing struct {
	*dataplane.Dataplane
	lost bool
}

func (l *losing) Enforce(ctx context.Context, space *netns.Namespace, desired []iptables.Ruleset) (dataplane.State, error) {
	if l.lost && len(desired[0].Tables) > 1 {
		return dataplane.State{}, errors.New("lost")
	}
	return l.Dataplane.Enforce(ctx, space, desired)
}

func TestWhatTheAgentClosedItselfIsNoDrift(t *testing.T) {
	memory, err := ledger.Open(t.TempDir())
	require.NoError(t, err)
	plane, tg := &losing{Dataplane: dataplane.New(xtables.NFT)}, target(t)
	e := podrules.New(redirect.Settings{IPv6: true}, podrules.Parts{Dataplane: plane, Store: memory})
	_, err = e.Update(t.Context(), tg)
	require.NoError(t, err)
	planned := counterless(saved(t, xtables.NFT, tg.Netns))

	plane.lost = true
	_, err = e.Update(t.Context(), tg)
	require.ErrorContains(t, err, "lost")
	require.NotContains(t, saved(t, xtables.NFT, tg.Netns), "REDIRECT")
	require.Contains(t, saved(t, xtables.NFT, tg.Netns), ":OUTPUT DROP")

	plane.lost = false
	again, err := e.Update(t.Context(), tg)
	require.NoError(t, err)
	require.True(t, again.State.Wrote)
	require.Empty(t, again.Repaired)
	require.Equal(t, planned, counterless(saved(t, xtables.NFT, tg.Netns)))
}

func TestOneSandboxIsWrittenByOneAtATime(t *testing.T) {
	eachBackend(t, func(t *testing.T, _ xtables.Backend, e *podrules.Reconciler, _ *ledger.Ledger) {
		t.Helper()
		tg := target(t)
		var all sync.WaitGroup
		var wrote atomic.Int32
		for range 8 {
			all.Go(func() {
				out, err := e.Update(t.Context(), tg)
				if err != nil {
					t.Error(err)
				}
				if out.State.Wrote {
					wrote.Add(1)
				}
			})
		}
		all.Wait()
		require.EqualValues(t, 1, wrote.Load())
	})
}

func TestTheEndOfTheProgramDoesNotCutAWrite(t *testing.T) {
	eachBackend(t, func(t *testing.T, _ xtables.Backend, e *podrules.Reconciler, _ *ledger.Ledger) {
		t.Helper()
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		out, err := e.Update(ended, target(t))
		require.NoError(t, err)
		require.True(t, out.State.Wrote)
	})
}

// fixed is a runtime with one sandbox.
type fixed struct {
	box    workload.Sandbox
	detail sandbox.Detail
}

func (f fixed) List(context.Context) ([]workload.Sandbox, error) {
	return []workload.Sandbox{f.box}, nil
}

func (f fixed) Sandbox(context.Context, string) (sandbox.Detail, error) { return f.detail, nil }

func (f fixed) Process(context.Context, string) (workload.Process, error) {
	return workload.Process{}, sandbox.ErrGone
}

func (f fixed) Watch(ctx context.Context, live *atomic.Bool, notify func()) {
	live.Store(true)
	notify()
	<-ctx.Done()
}

func TestANamespaceThatIsNotThePodsIsRefused(t *testing.T) {
	tg := target(t)
	for name, test := range map[string]struct {
		detail sandbox.Detail
		reason string
	}{
		"the node's own": {
			sandbox.Detail{Ready: true, Netns: "/proc/self/ns/net", IPs: tg.Endpoint.IPs}, failure.HostNamespace,
		},
		"one without the pod's IP": {
			sandbox.Detail{Ready: true, Netns: tg.Netns, IPs: []netip.Addr{netip.MustParseAddr("203.0.113.99")}}, failure.NotThePods,
		},
		"one of a pod without any IP": {
			sandbox.Detail{Ready: true, Netns: tg.Netns}, failure.NotThePods,
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAPI()
			a.pods = []workload.Pod{{Namespace: "pharma", Name: "job", UID: "uid", HasProxy: true}}
			memory, err := ledger.Open(t.TempDir())
			require.NoError(t, err)
			before := saved(t, xtables.NFT, "/proc/self/ns/net")
			program := agent.New(agent.Config{
				Node: "node", Resync: time.Second, Verify: time.Second, Workers: 1, Log: slog.New(slog.DiscardHandler),
			}, agent.Parts{
				Runtime: fixed{workload.Sandbox{ID: "box", Namespace: "pharma", Name: "job", UID: "uid", Ready: true}, test.detail},
				Cluster: a, Authority: a, Reporter: a, Metrics: agent.NewMetrics(),
				Rules: podrules.New(redirect.Settings{IPv6: true}, podrules.Parts{Dataplane: dataplane.New(xtables.NFT), Store: memory}),
			})
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- program.Run(ctx) }()
			require.Eventually(t, func() bool { return len(a.told(agent.EventRedirectFailed)) == 1 }, 30*time.Second, 5*time.Millisecond)
			require.Contains(t, a.told(agent.EventRedirectFailed)[0], test.reason)
			require.Eventually(t, program.Ready, 30*time.Second, 5*time.Millisecond, "it was looked at")
			e := program.Status(t.Context()).Endpoints[0]
			require.Equal(t, []any{agentapi.Failed, test.reason}, []any{e.State, e.Reason})
			time.Sleep(300 * time.Millisecond)
			require.Len(t, a.told(agent.EventRedirectFailed), 1, "it is said once")
			cancel()
			require.NoError(t, <-done)
			require.NotContains(t, saved(t, xtables.NFT, tg.Netns), "DROP")
			require.Equal(t, counterless(before), counterless(saved(t, xtables.NFT, "/proc/self/ns/net")))
		})
	}
}

// counterless is a saved ruleset without its comments, which hold the time.
func counterless(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, ":") {
			out.WriteString(line)
		}
	}
	return out.String()
}
