//go:build kernel

package envoy

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/envoy"
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
	losesNothing(t, settings(), lives(t), `\n%s'"}`)
}

func TestAKilledProxyWithTheModuleLosesNothingThatWasAnswered(t *testing.T) {
	losesNothing(t, following(t), lives(t)/3, `"path":"%s"}`)
}

// losesNothing kills so many proxies. A line has the path of its request in the form.
func losesNothing(t *testing.T, s envoy.Settings, lives int, form string) {
	t.Helper()
	w := newWorld(t, s)
	w.listen(t, w.peer, peer4, 8080, brief(waitLong))
	w.listen(t, w.peer, peer4, 7, echo)
	var requests, connections atomic.Int64
	lost := 0
	for life := range lives {
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
		log := w.stdout.String() + w.stderr.String()
		answered.Range(func(path, _ any) bool {
			if !strings.Contains(log, fmt.Sprintf(form, path)) {
				lost++
			}
			return true
		})
		// Where they come from does not tell connections apart: redirected ones may get another port.
		lost += max(0, int(echoed.Load())-strings.Count(log, `\n`+net.JoinHostPort(peer4, "7")+`\n`))
		connections.Add(echoed.Load())
		w.stdout.Reset()
		w.stderr.Reset()
		w.start(t, s)
	}
	t.Logf("%d proxies killed; answered: %d requests, %d TCP connections; not in the log: %d", lives, requests.Load(), connections.Load(), lost)
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
