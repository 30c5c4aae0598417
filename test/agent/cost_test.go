//go:build bench && kernel

package agent_test

import (
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"data-space.liqo.io/pkg/decisions/redirect"
	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/effects/sandbox"
	"data-space.liqo.io/pkg/effects/xtables"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/iptables"
)

// measured is how often each is measured.
const measured = 36

// TestWhatAStartCosts measures what Data Spacer adds to a pod's start: to its sandbox, until the runtime says that it is
// ready, and to its proxy, until it runs. Each start of a foreign pod, and of an ordinary one, is followed by one without us
// (the same runtime, neither plugin nor agent, as many pods); then comes the floor, the bare iptables-restore calls of the
// rules that a foreign pod ends up with. The bars for a foreign pod: 60 ms with nft and twice the floor; 25 ms with legacy.
func TestWhatAStartCosts(t *testing.T) {
	goAhead(t)
	bare := newNode(t)
	onlyV4(bare)
	for _, backend := range []xtables.Backend{xtables.NFT, xtables.Legacy} {
		t.Run(string(backend), func(t *testing.T) {
			g := newGated(t)
			g.backend = backend
			onlyV4(g.node)
			client, err := sandbox.Dial(t.Context(), g.node.socket)
			require.NoError(t, err)
			defer client.Close()
			a := newAPI()
			g.announce(t, startAgent(t, g.node, a, filepath.Join(t.TempDir(), "guarded")), client, true)
			c := costs{t: t, name: string(backend)}
			for i := range measured + 1 {
				foreign, ordinary := c.pair(g, bare, "pharma"), c.pair(g, bare, "hospital")
				if i > 0 { // the first makes what is made once
					c.foreign, c.ordinary = append(c.foreign, foreign), append(c.ordinary, ordinary)
				}
			}
			for range measured {
				c.floors = append(c.floors, c.floor(backend))
			}
			c.tell()
			c.clear()
		})
	}
}

// onlyV4 has pods get no IPv6 address: the CNI plugin waits up to two seconds until it is known to be nobody else's (RFC
// 4862), by chance, and what is to be measured would be lost in that. Rules are written for both families all the same.
func onlyV4(n *node) { n.network(filepath.Dir(n.socket), "203.0.113.0/24") }

// costs is what was measured: how much longer each start took than the one without us before it.
type costs struct {
	t                 *testing.T
	name              string
	foreign, ordinary []cost
	floors            []time.Duration
	serial            int
	later             []func() // the pods' ends: while the kernel takes a network namespace down, the next one waits
}

// cost is what a start takes, and of that its proxy's container.
type cost struct{ both, proxy time.Duration }

func (c cost) over(other cost) cost { return cost{c.both - other.both, c.proxy - other.proxy} }

// pair is how much longer a start takes than one without us.
func (c *costs) pair(g gated, bare *node, namespace string) cost {
	with := c.start(g, namespace)
	return with.over(c.start(gated{node: bare}, namespace))
}

// start starts a pod as the kubelet does.
func (c *costs) start(g gated, namespace string) cost {
	c.serial++
	g.t = c.t
	config := g.config(namespace, fmt.Sprint(c.name, "-", c.serial))
	time.Sleep(400 * time.Millisecond) // what follows the start before, when nobody waits for it any more, is over
	began := time.Now()
	box, err := g.try(config)
	require.NoError(c.t, err)
	made := time.Since(began)
	container := g.create(config, box, apis.ProxyContainerName, 0)
	time.Sleep(50 * time.Millisecond) // what the kubelet does in between; the agent has looked at the sandbox by then
	began = time.Now()
	g.run(container)
	runs := time.Since(began)
	c.later = append(c.later, func() { g.removePod(box) })
	return cost{made + runs, runs}
}

// floor is the time of the bare iptables-restore calls, both families side by side, in a new network namespace.
func (c *costs) floor(b xtables.Backend) time.Duration {
	ns, err := netns.Scratch()
	require.NoError(c.t, err)
	defer ns.Close()
	began := time.Now()
	var group errgroup.Group
	for _, set := range redirect.Plan(redirect.Settings{IPv6: true}, redirect.Proxy{Cgroup: "/"}) {
		group.Go(func() error {
			return ns.Do(func() error {
				program := map[iptables.Family]string{iptables.V4: "iptables-", iptables.V6: "ip6tables-"}[set.Family] + string(b) + "-restore"
				restore := exec.Command(program)
				restore.Stdin = strings.NewReader(set.Restore())
				if out, err := restore.CombinedOutput(); err != nil {
					return fmt.Errorf("%s: %w: %s", program, err, out)
				}
				return nil
			})
		})
	}
	require.NoError(c.t, group.Wait())
	return time.Since(began)
}

// clear removes the pods.
func (c *costs) clear() {
	for _, remove := range c.later {
		remove()
	}
}

func (c *costs) tell() {
	floor := median(c.floors)
	for kind, all := range map[string][]cost{"foreign": c.foreign, "ordinary": c.ordinary} {
		var both, proxy, box []time.Duration
		for _, one := range all {
			both, proxy, box = append(both, one.both), append(proxy, one.proxy), append(box, one.both-one.proxy)
		}
		c.t.Logf("%-8s median %+.1f ms ± %.1f = %.2f × the bare restores' %.1f ms (sandbox %+.1f, container %+.1f)",
			kind, median(both), uncertain(both), median(both)/floor, floor, median(box), median(proxy))
	}
}

func median(all []time.Duration) float64 { return quantile(all, 0.5) }

// uncertain is the standard error of the median, in milliseconds, from the distance of the quartiles.
func uncertain(all []time.Duration) float64 {
	const normal = 1.2533 / 1.349 // of a normal distribution: the median's to the mean's, and the quartiles' to the deviation
	return normal * (quantile(all, 0.75) - quantile(all, 0.25)) / math.Sqrt(float64(len(all)))
}

// quantile is in milliseconds.
func quantile(all []time.Duration, q float64) float64 {
	slices.Sort(all)
	return float64(all[int(q*float64(len(all)))].Microseconds()) / 1000
}

// goAhead gives this process and its children the highest ordinary priority, so that what else runs on the machine counts
// little. Real-time priority would not do: the kernel lets no such process into a pod's control group.
func goAhead(t *testing.T) {
	t.Helper()
	threads, err := os.ReadDir("/proc/self/task")
	require.NoError(t, err)
	for _, thread := range threads {
		tid, err := strconv.Atoi(thread.Name())
		require.NoError(t, err)
		if err := unix.Setpriority(unix.PRIO_PROCESS, tid, -20); err != nil && !errors.Is(err, unix.ESRCH) {
			t.Logf("no higher priority here (%v): other programs may disturb the measurement", err)
			return
		}
	}
}
