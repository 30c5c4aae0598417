//go:build kernel && vm

package envoy

import (
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/resource"

	"data-space.liqo.io/pkg/decisions/inject"
	"data-space.liqo.io/pkg/decisions/proxymemory"
	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/reconcilers/socketmemory"
	"data-space.liqo.io/pkg/values/endpoint"
	"data-space.liqo.io/pkg/values/workload"
	"data-space.liqo.io/test/kit"
)

// On a node with cgroup v2 the buffers of the proxy's sockets count in its container's memory. Attempts of every form at the same time, each
// connection replaced when it ends, kill the smallest proxy if the agent does not keep its memory; it lives where the agent does. Package
// kernels runs this on stock kernels: the machine that runs the tests may not have cgroup v2's controller of memory.
func TestTheProxyLivesWhateverItsSocketsHold(t *testing.T) {
	require.NoError(t, os.WriteFile("/sys/fs/cgroup/cgroup.subtree_control", []byte("+memory"), 0o600))
	t.Run("not kept", func(t *testing.T) {
		w := smallest(t)
		var most int64
		w.flood(t, 4*time.Minute, func() bool {
			most = max(most, w.taken(t))
			return w.cage.kills(t) > 0 || most > proxymemory.Brake(w.limit(t))
		})
		t.Logf("killed %d times; it took up to %d MiB that the kernel cannot take back", w.cage.kills(t), most>>20)
		require.True(t, w.cage.kills(t) > 0 || most > proxymemory.Brake(w.limit(t)), "the attempt does not fill the memory")
	})
	t.Run("kept", func(t *testing.T) {
		w := smallest(t)
		ended := w.keep(t)
		began := time.Now()
		var most int64
		w.flood(t, 2*time.Minute, func() bool {
			most = max(most, w.taken(t))
			return w.cage.kills(t) > 0 || time.Since(began) > 15*time.Second && strings.Contains(ended.String(), "connections of the proxy ended")
		})
		t.Logf("it took up to %d MiB that the kernel cannot take back; %s", most>>20, ended.String())
		require.Zero(t, w.cage.kills(t), "the proxy was killed")
		require.Contains(t, ended.String(), "connections of the proxy ended", "the attempt does not fill the memory")
		require.Eventually(t, func() bool { return w.answers() }, 3*waitLong, 10*waitStep, "it serves again")
	})
}

// smallest is a world whose proxy has the smallest memory limit that the webhook gives one.
func smallest(t *testing.T) *world {
	t.Helper()
	limit := resource.MustParse(inject.MinMemoryLimit)
	w := &world{cage: newCage(t), args: arguments(limit.Value())}
	require.NoError(t, os.WriteFile(filepath.Join(w.cage.dir, w.cage.limit), []byte(strconv.FormatInt(limit.Value(), 10)), 0o600))
	w.fillable(t, settings())
	in(t, w.peer, "iptables -A INPUT -p tcp --dport 7009 -j DROP")
	return w
}

func (w *world) limit(t *testing.T) int64 {
	t.Helper()
	n, err := strconv.ParseInt(w.cage.read(t, w.cage.limit), 10, 64)
	require.NoError(t, err)
	return n
}

// taken is what the control group holds less cached files.
func (w *world) taken(t *testing.T) (n int64) {
	t.Helper()
	n, err := strconv.ParseInt(w.cage.read(t, "memory.current"), 10, 64)
	require.NoError(t, err)
	for line := range strings.Lines(w.cage.read(t, "memory.stat")) {
		if text, found := strings.CutPrefix(strings.TrimSpace(line), "file "); found {
			file, err := strconv.ParseInt(text, 10, 64)
			require.NoError(t, err)
			return n - file
		}
	}
	return n
}

// keep keeps the proxy's memory as the agent does.
func (w *world) keep(t *testing.T) *kit.Output {
	t.Helper()
	log := &kit.Output{}
	k := socketmemory.New(slog.New(slog.NewTextHandler(log, nil)), func(endpoint.Target) (*netns.Namespace, error) { return netns.Open(w.pod.Path()) })
	info, err := os.Stat(w.cage.dir)
	require.NoError(t, err)
	k.Watch(endpoint.Target{Sandbox: "pod", Proxy: workload.Process{
		PID: w.proxy.Process.Pid, Cgroup: strings.TrimPrefix(w.cage.dir, "/sys/fs/cgroup"), CgroupInode: info.Sys().(*syscall.Stat_t).Ino,
	}})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { k.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	return log
}

// flood tries the forms of stalls at the same time until enough returns true, and after a while fills the heap as well: the kernel gives sockets
// nothing when the limit is met, but ends a program that needs one page more.
func (w *world) flood(t *testing.T, limit time.Duration, enough func() bool) {
	t.Helper()
	done := make(chan struct{})
	var group sync.WaitGroup
	try := func(f filling, times int, after time.Duration) {
		for range times {
			group.Go(func() {
				for pause := after; ; pause = time.Second {
					select {
					case <-done:
						return
					case <-time.After(pause):
						w.stall(f, done)
					}
				}
			})
		}
	}
	for _, f := range forms() {
		try(f, connectionsOfAForm, 0)
	}
	try(fillings()["header lists to the explicit proxy"], 60, heapAfter)
	for end := time.Now().Add(limit); time.Now().Before(end) && !enough(); {
		time.Sleep(10 * waitStep)
	}
	close(done)
	group.Wait()
}

// silence4 is an address that does not answer: what waits for it is received alone.
const silence4 = other4 + ":7009"

const (
	connectionsOfAForm = 70
	heapAfter          = 8 * time.Second
)

func forms() map[string]filling {
	all := stalls()
	all["a destination that does not answer"] = filling{0, raw, out, silence4}
	return all
}

// stall is one connection, until it or the attempt ends.
func (w *world) stall(f filling, done <-chan struct{}) {
	c, err := w.dial(f.from(w), "tcp", f.address)
	if err != nil {
		time.Sleep(10 * waitStep)
		return
	}
	defer c.Close()
	_ = c.(*net.TCPConn).SetLinger(0)
	ended := make(chan struct{})
	go func() {
		select {
		case <-done:
			_ = c.Close()
		case <-ended:
		}
	}()
	defer close(ended)
	f.one(w, c, done)
}
