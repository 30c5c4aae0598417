//go:build kernel

package dataplane_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"data-space.liqo.io/pkg/decisions/redirect"
	"data-space.liqo.io/pkg/effects/dataplane"
	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/effects/xtables"
	"data-space.liqo.io/pkg/values/iptables"
	"data-space.liqo.io/test/kit"
)

// atLeast is how often each is measured, however short the benchmark is told to be.
const atLeast = 24

// BenchmarkEnforce measures, in pairs and in one run, a redirect from nothing to verified (Enforce in an empty namespace,
// reference known) against the bare iptables-restore calls of the same rules in an empty namespace with the same backend.
// The bar is a ratio of 1.5. The bare calls are measured both one after the other, as any script would run them, and side
// by side, as Enforce does; the ratio is to the faster of both.
func BenchmarkEnforce(b *testing.B) {
	goAhead(b)
	for _, backend := range backends() {
		b.Run(string(backend), func(b *testing.B) {
			plane := dataplane.New(backend)
			desired := redirect.Plan(settings(), redirect.Proxy{Cgroup: kit.NewCgroup(b, "pod", "proxy").Path})
			require.NoError(b, plane.Check(context.Background(), desired))
			var enforce, serial, parallel []time.Duration
			for range max(b.N, atLeast) {
				enforce = append(enforce, timed(b, func(ns *netns.Namespace) error {
					_, err := plane.Enforce(context.Background(), ns, desired)
					return err
				}))
				serial = append(serial, timed(b, func(ns *netns.Namespace) error { return bare(ns, backend, desired, false) }))
				parallel = append(parallel, timed(b, func(ns *netns.Namespace) error { return bare(ns, backend, desired, true) }))
			}
			b.ReportMetric(0, "ns/op") // the clock also ran while namespaces were made
			b.ReportMetric(ms(enforce), "enforce-ms")
			b.ReportMetric(ms(serial), "bare-serial-ms")
			b.ReportMetric(ms(parallel), "bare-parallel-ms")
			b.ReportMetric(ms(enforce)/min(ms(serial), ms(parallel)), "ratio")
		})
	}
}

// goAhead gives this process and its children real-time priority (sched(7)), so that what else runs on the machine does
// not count, for either side.
func goAhead(b *testing.B) {
	b.Helper()
	threads, err := os.ReadDir("/proc/self/task")
	require.NoError(b, err)
	for _, thread := range threads {
		tid, err := strconv.Atoi(thread.Name())
		require.NoError(b, err)
		attr := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_RR, Priority: 10}
		if err := unix.SchedSetAttr(tid, &attr, 0); err != nil && !errors.Is(err, unix.ESRCH) {
			b.Logf("no real-time priority here (%v): other programs may disturb the measurement", err)
			return
		}
	}
}

// timed runs f in an empty namespace.
func timed(b *testing.B, f func(*netns.Namespace) error) time.Duration {
	b.Helper()
	ns, err := netns.Scratch()
	require.NoError(b, err)
	defer ns.Close()
	start := time.Now()
	err = f(ns)
	took := time.Since(start)
	require.NoError(b, err)
	return took
}

// bare runs iptables-restore of every family and nothing else.
func bare(ns *netns.Namespace, b xtables.Backend, desired []iptables.Ruleset, sideBySide bool) error {
	errs := make([]error, len(desired))
	var group sync.WaitGroup
	for i, set := range desired {
		one := func() {
			errs[i] = ns.Do(func() error {
				cmd := exec.Command(program(b, set.Family)+"-restore", waiting(b)...)
				cmd.Stdin = strings.NewReader(set.Restore())
				var out bytes.Buffer
				cmd.Stderr = &out
				if err := cmd.Run(); err != nil {
					return fmt.Errorf("%w: %s", err, out.String())
				}
				return nil
			})
		}
		if sideBySide {
			group.Go(one)
		} else {
			one()
		}
	}
	group.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func waiting(b xtables.Backend) []string {
	if b == xtables.Legacy {
		return []string{"--counters", "--wait", "10"}
	}
	return []string{"--counters"}
}

// ms is the median in milliseconds.
func ms(all []time.Duration) float64 {
	sorted := slices.Sorted(slices.Values(all))
	return float64(sorted[len(sorted)/2].Microseconds()) / 1000
}
