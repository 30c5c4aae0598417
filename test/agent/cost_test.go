//go:build bench && kernel

package agent_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"data-space.liqo.io/pkg/effects/sandbox"
	"data-space.liqo.io/pkg/values/apis"
)

// measured is how often each is measured.
const measured = 15

// TestWhatAStartCosts measures what Data Spacer adds to a pod's start: to its sandbox, until the runtime says that it is
// ready, and to its proxy, until it runs. The bar is 60 ms for both together, with nft.
func TestWhatAStartCosts(t *testing.T) {
	goAhead(t)
	g := newGated(t)
	client, err := sandbox.Dial(t.Context(), g.node.socket)
	require.NoError(t, err)
	defer client.Close()
	a := newAPI()
	c := costs{t: t, gated: g}
	for range measured {
		c.start("bare", "hospital")
	}
	r := startAgent(t, g.node, a, filepath.Join(t.TempDir(), "guarded"))
	g.announce(t, r, a, client, true)
	c.start("warm", "pharma") // what is made once
	for range measured {
		c.start("ordinary", "hospital")
		c.start("foreign", "pharma")
	}
	c.tell()
}

// costs is what was measured, by kind of pod.
type costs struct {
	gated
	t              *testing.T
	boxes, proxies map[string][]time.Duration
	serial         int
}

// start starts a pod as the kubelet does, and deletes it.
func (c *costs) start(kind, namespace string) {
	c.serial++
	config := c.config(namespace, fmt.Sprint("pod-", c.serial))
	began := time.Now()
	box, err := c.try(config)
	require.NoError(c.t, err)
	made := time.Since(began)
	container := c.create(config, box, apis.ProxyContainerName, 0)
	time.Sleep(50 * time.Millisecond) // what the kubelet does in between; the agent has looked at the sandbox by then
	began = time.Now()
	c.run(container)
	runs := time.Since(began)
	c.removePod(box)
	if c.boxes == nil {
		c.boxes, c.proxies = map[string][]time.Duration{}, map[string][]time.Duration{}
	}
	c.boxes[kind], c.proxies[kind] = append(c.boxes[kind], made), append(c.proxies[kind], runs)
}

func (c *costs) tell() {
	box, proxy := median(c.boxes["bare"]), median(c.proxies["bare"])
	c.t.Logf("bare: sandbox %.1f ms, container %.1f ms", box, proxy)
	for _, kind := range []string{"ordinary", "foreign"} {
		b, p := median(c.boxes[kind])-box, median(c.proxies[kind])-proxy
		c.t.Logf("%s: sandbox +%.1f ms, container +%.1f ms, together +%.1f ms", kind, b, p, b+p)
	}
}

func median(all []time.Duration) float64 {
	slices.Sort(all)
	return float64(all[len(all)/2].Microseconds()) / 1000
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
