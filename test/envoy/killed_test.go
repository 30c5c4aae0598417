//go:build kernel

package envoy

import (
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// lives is how many proxies the test kills; KILLED_PROXIES asks for more.
func lives(t *testing.T) int {
	t.Helper()
	n := 10
	if text := os.Getenv("KILLED_PROXIES"); text != "" {
		var err error
		n, err = strconv.Atoi(text)
		require.NoError(t, err)
	}
	return n
}

// A proxy that is killed at any moment has written that each request and each connection began, whose answer reached the client.
func TestAKilledProxyLosesNothingThatWasAnswered(t *testing.T) {
	w := newWorld(t, settings())
	w.listen(t, w.peer, peer4, 8080, brief(waitLong))
	w.listen(t, w.peer, peer4, 7, echo)
	var requests, connections atomic.Int64
	lost := 0
	for life := range lives(t) {
		var answered sync.Map
		var echoed atomic.Int64
		var group sync.WaitGroup
		for client := range 8 {
			group.Go(func() {
				for i := 0; ; i++ {
					path := fmt.Sprintf("/%d-%d-%d", life, client, i)
					if !w.asksOnce(path) {
						return
					}
					answered.Store(path, true)
					requests.Add(1)
				}
			})
			group.Go(func() {
				for {
					if !w.echoesOnce() {
						return
					}
					echoed.Add(1)
				}
			})
		}
		time.Sleep(time.Duration(100+37*life%200) * time.Millisecond)
		require.NoError(t, w.proxy.Process.Kill())
		group.Wait()
		_ = w.proxy.Wait() // and all it wrote is read
		log := w.stdout.all() + w.stderr.all()
		answered.Range(func(path, _ any) bool {
			if !strings.Contains(log, fmt.Sprintf("%q", path)) {
				lost++
			}
			return true
		})
		// Where they come from does not tell connections apart: redirected ones may get another port.
		lost += max(0, int(echoed.Load())-strings.Count(log, "connecting to "+net.JoinHostPort(peer4, "7")+`"`))
		connections.Add(echoed.Load())
		w.stdout.reset()
		w.stderr.reset()
		w.start(t, settings())
	}
	t.Logf("%d proxies killed; answered: %d requests, %d TCP connections; not in the log: %d", lives(t), requests.Load(), connections.Load(), lost)
	require.Zero(t, lost)
}

// asksOnce sends a request on a connection of its own and reports whether it was answered.
func (w *world) asksOnce(path string) bool {
	c, err := w.dial(w.pod, "tcp", peer4+":8080")
	if err != nil {
		return false
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(waitLong))
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", path)
	n, err := c.Read(make([]byte, 64))
	return err == nil && n > 0
}

// echoesOnce opens a connection that is no HTTP, and reports whether what it sends comes back.
func (w *world) echoesOnce() bool {
	c, err := w.dial(w.pod, "tcp", net.JoinHostPort(peer4, "7"))
	if err != nil {
		return false
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(waitLong))
	fmt.Fprint(c, unknown)
	n, err := c.Read(make([]byte, len(unknown)))
	return err == nil && n > 0
}

func (l *lines) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.buffer.Reset()
}

// asynchronous takes the lines that are written before the proxy goes on out of its configuration, as it was before.
func asynchronous(config []byte) []byte {
	tree := map[string]any{}
	if yaml.Unmarshal(config, &tree) != nil {
		return nil
	}
	walk(tree)
	text, err := yaml.Marshal(tree)
	if err != nil {
		return nil
	}
	return text
}

func walk(node any) {
	switch n := node.(type) {
	case map[string]any:
		if filters, ok := n["http_filters"].([]any); ok {
			n["http_filters"] = slices.DeleteFunc(filters, func(f any) bool {
				return f.(map[string]any)["name"] == "envoy.filters.http.lua"
			})
			if options, ok := n["access_log_options"].(map[string]any); ok {
				options["flush_access_log_on_new_request"] = true
			}
		}
		for _, v := range n {
			walk(v)
		}
	case []any:
		for _, v := range n {
			walk(v)
		}
	}
}

// TestWhatTheRecordCosts is here for its log: requests a second and the proxy's CPU for each, with the lines that the proxy
// waits for and with those of before, in turns.
func TestWhatTheRecordCosts(t *testing.T) {
	for range 2 {
		for _, variant := range []string{"before", "now"} {
			t.Run(variant, func(t *testing.T) {
				w := &world{cage: newCage(t)}
				if variant == "before" {
					w.cage.change = asynchronous
					w.args = "--disable-hot-restart --concurrency 1 --log-level warning --file-flush-interval-msec 250"
				}
				w.build(t, settings())
				w.listen(t, w.peer, peer4, 8080, brief(waitLong))
				w.measure(t, "16 kept connections", func(stop <-chan struct{}, count *atomic.Int64) {
					c := w.connection(t, w.pod, "tcp", peer4, 8080)
					for answer := make([]byte, 1024); ; count.Add(1) {
						fmt.Fprint(c, "GET /some/path HTTP/1.1\r\nHost: h\r\n\r\n")
						if _, err := c.Read(answer); err != nil || ended(stop) {
							return
						}
					}
				})
				w.measure(t, "a connection for each request", func(stop <-chan struct{}, count *atomic.Int64) {
					for !ended(stop) && w.asksOnce("/some/path") {
						count.Add(1)
					}
				})
			})
		}
	}
}

func ended(stop <-chan struct{}) bool {
	select {
	case <-stop:
		return true
	default:
		return false
	}
}

func (w *world) measure(t *testing.T, name string, client func(<-chan struct{}, *atomic.Int64)) {
	t.Helper()
	const clients, while = 16, 3 * time.Second
	var count atomic.Int64
	stop := make(chan struct{})
	var group sync.WaitGroup
	before := w.cpu(t)
	for range clients {
		group.Go(func() { client(stop, &count) })
	}
	time.Sleep(while)
	close(stop)
	group.Wait()
	used := w.cpu(t) - before
	t.Logf("%s: %.0f requests/s, %.0f us of CPU each", name, float64(count.Load())/while.Seconds(), float64(used.Microseconds())/float64(count.Load()))
}

// cpu is how long the proxy has run.
func (w *world) cpu(t *testing.T) time.Duration {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", w.proxy.Process.Pid))
	require.NoError(t, err)
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	var ticks int64
	for _, f := range fields[11:13] { // utime, stime: proc_pid_stat(5)
		n, err := strconv.ParseInt(f, 10, 64)
		require.NoError(t, err)
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond // USER_HZ is 100
}
