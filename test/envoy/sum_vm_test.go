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
	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/reconcilers/socketmemory"
	"data-space.liqo.io/pkg/values/endpoint"
	"data-space.liqo.io/pkg/values/workload"
)

// On a node with cgroup v2 the buffers of the proxy's sockets count in its container's memory. Attempts of every form at the same time, each
// connection replaced when it ends, kill the smallest proxy if the agent does not keep its memory; it lives where the agent does. Package
// kernels runs this on stock kernels: the machine that runs the tests may not have cgroup v2's controller of memory.
func TestTheProxyLivesWhateverItsSocketsHold(t *testing.T) {
	require.NoError(t, os.WriteFile("/sys/fs/cgroup/cgroup.subtree_control", []byte("+memory"), 0o600))
	t.Run("not kept", func(t *testing.T) {
		w := smallest(t)
		w.flood(t, 2*time.Minute, func() bool { return w.cage.kills(t) > 0 })
		require.NotZero(t, w.cage.kills(t), "the attempt does not fill the memory")
	})
	t.Run("kept", func(t *testing.T) {
		w := smallest(t)
		ended := w.keep(t)
		began := time.Now()
		w.flood(t, 2*time.Minute, func() bool {
			return w.cage.kills(t) > 0 || time.Since(began) > 15*time.Second && strings.Contains(ended.String(), "connections of the proxy ended")
		})
		t.Log(ended.String())
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
	w.fillable(t)
	in(t, w.peer, "iptables -A INPUT -p tcp --dport 7009 -j DROP")
	return w
}

// keep keeps the proxy's memory as the agent does.
func (w *world) keep(t *testing.T) *lines {
	t.Helper()
	log := &lines{}
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

type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
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
	for end := time.Now().Add(limit); time.Now().Before(end) && !enough(); time.Sleep(10 * waitStep) {
		if os.Getenv("DS_VERBOSE") != "" {
			t.Log(w.cage.read(t, "memory.current"), strings.Fields(w.cage.read(t, "memory.events")), strings.Fields(w.cage.read(t, "memory.stat"))[:14])
			time.Sleep(time.Second)
		}
	}
	close(done)
	group.Wait()
}

// silence4 is an address that does not answer.
const silence4 = other4 + ":7009"

const (
	connectionsOfAForm = 70
	heapAfter          = 8 * time.Second
)

// forms are those that take the least work of a slow machine, or all.
func forms() map[string]filling {
	if os.Getenv("LONG") != "" {
		return stalls()
	}
	all := map[string]filling{
		"TCP, out":    {0, slow(unknown), out, chatty4},
		"TCP, in":     {0, slow(unknown), into, podChatty},
		"HTTP/1, out": {0, slow("GET / HTTP/1.1\r\nHost: h\r\n\r\n"), out, chatty4},
		// Nothing is to be sent: what waits is received alone.
		"a destination that does not answer": {0, raw, out, silence4},
		"HTTP/1, in":                         {0, slow("GET / HTTP/1.1\r\nHost: h\r\n\r\n"), into, podChatty},
	}
	for _, name := range []string{"TCP, neither reads", "h2c, the server does not read"} {
		all[name] = stalls()[name]
	}
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
