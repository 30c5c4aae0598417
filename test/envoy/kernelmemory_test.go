//go:build kernel

package envoy

import (
	"fmt"
	"net"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/effects/podnet"
)

// On cgroup v2 the kernel's buffers of the proxy's sockets count in its container's memory. These are attempts to make one socket hold much,
// by peers that do not read; each connection moves data first, since the kernel gives a socket that is read from more.
func stalls() map[string]filling {
	const connections = 24
	get := "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
	return map[string]filling{
		"TCP, the server does not read":             {connections, raw, out, deaf4},
		"TCP, the client does not read":             {connections, slow(unknown), out, chatty4},
		"TCP, neither reads":                        {connections, raw, out, chatty4},
		"TCP, the client stops to read":             {connections, stops(unknown), out, chatty4},
		"TCP, the client stops to read, ingress":    {connections, stops(unknown), into, podChatty},
		"TCP, neither reads, ingress":               {connections, raw, into, podChatty},
		"HTTP/1, the client stops to read":          {connections, stops(get), out, chatty4},
		"HTTP/1, the client stops to read, ingress": {connections, stops(get), into, podChatty},
		"HTTP/1, the server does not read":          {connections, upload1, out, deaf4},
		"h2c, the server does not read":             {connections, uploadH2, out, deaf4},
		"h2c, the server does not read, ingress":    {connections, uploadH2, into, podDeaf},
	}
}

const podChatty = pod4 + ":7002"

func TestTheKernelHoldsLittleForEachSocketOfTheProxy(t *testing.T) {
	// Twice: data is counted with the buffers that it lies in, and the last packet may be of any size.
	const bound = 2 * podnet.SocketBuffer
	w := &world{}
	w.fillable(t, settings())
	for name, f := range stalls() {
		t.Run(name, func(t *testing.T) {
			var most queues
			began := time.Now()
			w.stalled(t, f, func(now []queues) bool {
				for _, q := range now {
					most.received, most.unsent = max(most.received, q.received), max(most.unsent, q.unsent)
				}
				return time.Since(began) > time.Second && most.received+most.unsent > 0
			})
			t.Logf("a socket holds at most %d KiB that were received, %d KiB to be sent", most.received>>10, most.unsent>>10)
			require.NotZero(t, most.received+most.unsent)
			require.LessOrEqual(t, most.received, bound)
			require.LessOrEqual(t, most.unsent, bound)
		})
	}

	t.Run("the same, as the kernel is by default", func(t *testing.T) {
		in(t, w.pod, `cd /proc/sys/net/ipv4
echo 4096 131072 6291456 >tcp_rmem
echo 4096 16384 4194304 >tcp_wmem
echo 4294967295 >tcp_notsent_lowat`)
		var received, unsent bool
		seen := func(now []queues) bool {
			for _, q := range now {
				received, unsent = received || q.received > bound, unsent || q.unsent > bound
			}
			return received && unsent
		}
		for _, name := range []string{"TCP, the client stops to read", "TCP, neither reads, ingress", "TCP, the server does not read"} {
			w.stalled(t, stalls()[name], seen)
		}
		require.True(t, received, "a socket holds more that was received")
		require.True(t, unsent, "a socket holds more to be sent")
	})
}

// stalled runs the attempt until enough returns true, for tryLong at most.
func (w *world) stalled(t *testing.T, f filling, enough func([]queues) bool) {
	t.Helper()
	done := make(chan struct{})
	var all []net.Conn
	for range f.connections {
		c := w.connectionFrom(t, f)
		all = append(all, c)
		go f.one(w, c, done)
	}
	for end := time.Now().Add(tryLong); time.Now().Before(end); time.Sleep(5 * waitStep) {
		if enough(w.queued(t)) {
			break
		}
	}
	close(done)
	for _, c := range all { // some have ended
		_ = c.(*net.TCPConn).SetLinger(0) // the proxy need not send the rest
		_ = c.Close()
	}
}

func (w *world) connectionFrom(t *testing.T, f filling) net.Conn {
	t.Helper()
	c, err := w.dial(f.from(w), "tcp", f.address)
	require.NoError(t, err)
	require.NoError(t, c.SetDeadline(time.Now().Add(2*tryLong)))
	return c
}

// stops reads for a while and then no more.
func stops(question string) func(*world, net.Conn, <-chan struct{}) {
	return func(_ *world, c net.Conn, done <-chan struct{}) {
		fmt.Fprint(c, question)
		buffer := make([]byte, 256<<10)
		for range 200 {
			if _, err := c.Read(buffer); err != nil {
				return
			}
		}
		<-done
	}
}

// queues are the bytes that the kernel holds for a socket, with the buffers that they lie in.
type queues struct{ received, unsent int }

// queued returns those of the proxy's TCP sockets (ss(8): skmem; r and bl are received, w is to be sent).
func (w *world) queued(t *testing.T) []queues {
	t.Helper()
	text, err := exec.Command("nsenter", "--net="+w.pod.Path(), "ss", "-OHtmne").Output()
	require.NoError(t, err)
	var all []queues
	for line := range strings.Lines(string(text)) {
		m := regexp.MustCompile(`uid:1303 .*skmem:\(r(\d+),.*,w(\d+),.*,bl(\d+)`).FindStringSubmatch(line)
		if m == nil {
			continue
		}
		var n [3]int
		for i := range n {
			n[i], err = strconv.Atoi(m[i+1])
			require.NoError(t, err)
		}
		all = append(all, queues{received: n[0] + n[2], unsent: n[1]})
	}
	return all
}
