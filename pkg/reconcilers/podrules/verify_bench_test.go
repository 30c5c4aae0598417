//go:build kernel && bench

package podrules

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/containernetworking/plugins/pkg/testutils"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"data-space.liqo.io/pkg/decisions/redirect"
	"data-space.liqo.io/pkg/effects/dataplane"
	"data-space.liqo.io/pkg/effects/ledger"
	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/effects/podhooks"
	"data-space.liqo.io/pkg/effects/xtables"
	"data-space.liqo.io/pkg/values/endpoint"
	"data-space.liqo.io/pkg/values/workload"
	"data-space.liqo.io/test/kit"
)

// guardedPods is how many foreign pods a node has at most, and rounds how often they are verified: once a minute by default.
const guardedPods, roundEvery = 250, time.Minute

// TestWhatVerificationCosts measures the processor time of this process and of the programs that it runs, for verifying all pods of a node
// once where nothing has changed, beside reading all rules of all pods, which "agent status" does.
func TestWhatVerificationCosts(t *testing.T) {
	for _, b := range []xtables.Backend{xtables.NFT, xtables.Legacy} {
		t.Run(string(b), func(t *testing.T) {
			memory, err := ledger.Open(t.TempDir())
			require.NoError(t, err)
			proxy := kit.NewCgroup(t, "pod", "proxy")
			spaces := map[string]string{}
			rules := New(redirect.Settings{IPv6: true}, Parts{Dataplane: dataplane.New(b), Store: memory, Hooks: podhooks.New(b),
				Open: func(to endpoint.Target) (*netns.Namespace, error) { return netns.Open(spaces[to.Sandbox]) }})
			var all []endpoint.Target
			for i := range guardedPods {
				made, err := testutils.NewNS()
				require.NoError(t, err)
				t.Cleanup(func() { require.NoError(t, made.Close()); require.NoError(t, testutils.UnmountNS(made)) })
				require.NoError(t, made.Do(func(ns.NetNS) error { return exec.Command("ip", "link", "set", "lo", "up").Run() }))
				target := endpoint.Target{Sandbox: fmt.Sprint("box", i), Proxy: workload.Process{PID: 1, Cgroup: proxy.Path, CgroupInode: inode(t, proxy.Dir)}}
				spaces[target.Sandbox] = made.Path()
				all = append(all, target)
			}
			each := func(f func(endpoint.Target) error) (wall, cpu time.Duration) {
				started, before := time.Now(), processorTime(t)
				for _, target := range all {
					require.NoError(t, f(target))
				}
				return time.Since(started), processorTime(t) - before
			}
			update := func(to endpoint.Target) error { _, err := rules.Update(context.Background(), to); return err }
			each(update) // writes
			each(update) // reads what was written
			wall, cpu := each(update)
			t.Logf("%s: verifying %d unchanged pods: %v, %v of a core: %.2f %% of a core at one round a minute", b, guardedPods, wall, cpu, 100*cpu.Seconds()/roundEvery.Seconds())
			wall, cpu = each(func(to endpoint.Target) error {
				out, err := rules.Observe(context.Background(), to)
				require.Empty(t, out.State.Drift)
				return err
			})
			t.Logf("%s: reading all rules of %d pods, one after the other: %v, %v of a core", b, guardedPods, wall, cpu)
		})
	}
}

// TestHowSoonTamperingIsRepaired measures the time from a rule that lets everything out, at the top of a chain, to the chain as it was.
func TestHowSoonTamperingIsRepaired(t *testing.T) {
	p := newGuardedPod(t, xtables.NFT)
	var took []time.Duration
	for range 30 {
		p.settle()
		time.Sleep(2 * time.Second) // for the reports that are left
		p.run("iptables-nft -I OUTPUT 1 -j ACCEPT")
		started := time.Now()
		p.awaitRepair("-j ACCEPT")
		took = append(took, time.Since(started))
	}
	slices.Sort(took)
	t.Logf("from tampering to repair, %d times: median %v, most %v", len(took), took[len(took)/2], took[len(took)-1])
}

func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var sum time.Duration
	for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		var used unix.Rusage
		require.NoError(t, unix.Getrusage(who, &used))
		sum += time.Duration(used.Utime.Nano() + used.Stime.Nano())
	}
	return sum
}
