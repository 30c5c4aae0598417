//go:build bench && kernel

package envoy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/stretchr/testify/require"
)

const (
	portRequests = 8080 // answers small GETs and endless downloads
	portStream   = 7007 // sends without end as soon as it has received what is no HTTP

	kept    = 16                     // connections of the small GETs
	while   = 700 * time.Millisecond // of one measurement
	idle    = 400                    // connections at rest
	endless = 1 << 40                // bytes of a download that is cut off
	block   = 256 << 10              // what a client reads at once
)

// subject is a pod in which things are measured, and what is on the other side of its veth.
type subject struct {
	*world
	name string
}

// serve starts the servers of both directions.
func (s *subject) serve(t *testing.T) {
	t.Helper()
	for where, host := range map[ns.NetNS]string{s.peer: peer4, s.pod: pod4} {
		s.listen(t, where, host, portRequests, answerAll)
		s.listen(t, where, host, portStream, func(c net.Conn) {
			_ = c.SetDeadline(time.Time{})
			_, _ = io.ReadFull(c, make([]byte, len(unknown)))
			pour(c)
		})
	}
}

// answerAll answers the requests of a kept connection; that for /endless without an end.
func answerAll(c net.Conn) {
	_ = c.SetDeadline(time.Time{})
	r := bufio.NewReader(c)
	for {
		head, err := r.ReadSlice('\n')
		if err != nil {
			return
		}
		large := strings.HasPrefix(string(head), "GET /endless")
		for len(head) > 2 {
			if head, err = r.ReadSlice('\n'); err != nil {
				return
			}
		}
		if large {
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", endless)
			pour(c)
			return
		}
		fmt.Fprint(c, ok)
	}
}

func pour(c net.Conn) {
	for data := make([]byte, block); ; {
		if _, err := c.Write(data); err != nil {
			return
		}
	}
}

// flow is a direction: from where to whom.
type flow struct {
	name string
	from func(*world) ns.NetNS
	to   string
}

func flows() []flow {
	return []flow{
		{"out", func(w *world) ns.NetNS { return w.pod }, peer4},
		{"in", func(w *world) ns.NetNS { return w.peer }, pod4},
	}
}

func (s *subject) dialFlow(t *testing.T, f flow, port int) net.Conn {
	t.Helper()
	c, err := s.dial(f.from(s.world), "tcp", net.JoinHostPort(f.to, fmt.Sprint(port)))
	require.NoError(t, err)
	require.NoError(t, c.SetDeadline(time.Now().Add(6*waitLong)))
	return c
}

// get asks once on a kept connection.
func get(t *testing.T, c net.Conn, answer []byte) {
	t.Helper()
	_, err := io.WriteString(c, "GET /patients/17?fields=name HTTP/1.1\r\nHost: hospital.hospital-space\r\nUser-Agent: bench/1.0\r\nAccept: */*\r\n\r\n")
	require.NoError(t, err)
	n, err := c.Read(answer)
	require.NoError(t, err)
	require.Equal(t, ok[:12], string(answer[:min(n, 12)]))
}

// requests returns the small GETs a second over kept connections, and the proxy's CPU for each in microseconds.
func (s *subject) requests(t *testing.T, f flow, connections int) (rate, cpu float64) {
	t.Helper()
	var count atomic.Int64
	var group sync.WaitGroup
	stop := make(chan struct{})
	var all []net.Conn
	for range connections {
		c := s.dialFlow(t, f, portRequests)
		defer c.Close()
		get(t, c, make([]byte, 4096))
		all = append(all, c)
	}
	used, began := s.ran(t), time.Now()
	for _, c := range all {
		group.Go(func() {
			for answer := make([]byte, 4096); !ended(stop); count.Add(1) {
				get(t, c, answer)
			}
		})
	}
	time.Sleep(while)
	close(stop)
	group.Wait()
	took, n := time.Since(began), float64(count.Load())
	return n / took.Seconds(), float64((s.ran(t) - used).Nanoseconds()) / 1000 / n
}

// download returns the MiB a second of one endless stream, after what was asked.
func (s *subject) download(t *testing.T, f flow, port int, ask string) float64 {
	t.Helper()
	c := s.dialFlow(t, f, port)
	defer c.Close()
	fmt.Fprint(c, ask)
	buffer := make([]byte, block)
	_, err := c.Read(buffer)
	require.NoError(t, err)
	var size int64
	began := time.Now()
	for time.Since(began) < while {
		n, err := c.Read(buffer)
		require.NoError(t, err)
		size += int64(n)
	}
	return float64(size) / (1 << 20) / time.Since(began).Seconds()
}

// perIdle returns by how many KiB the proxy grows for each connection that has asked once and rests.
func (s *subject) perIdle(t *testing.T, f flow) float64 {
	t.Helper()
	before := s.memory(t)
	for range idle {
		c := s.dialFlow(t, f, portRequests)
		defer c.Close()
		get(t, c, make([]byte, 4096))
	}
	return float64(s.memory(t)-before) / idle
}

// ran is how long the proxy's threads have run; nothing in a pod without a proxy.
func (s *subject) ran(t *testing.T) (all time.Duration) {
	t.Helper()
	if s.proxy == nil {
		return 0
	}
	tasks := fmt.Sprintf("/proc/%d/task", s.proxy.Process.Pid)
	listed, err := os.ReadDir(tasks)
	require.NoError(t, err)
	for _, task := range listed {
		text, err := os.ReadFile(tasks + "/" + task.Name() + "/schedstat")
		require.NoError(t, err)
		var ns int64
		_, err = fmt.Sscan(string(text), &ns)
		require.NoError(t, err)
		all += time.Duration(ns)
	}
	return all
}

// workingSet is what the kubelet counts as the container's memory, in KiB: without pages of files that the kernel can drop.
func (c *cage) workingSet(t *testing.T) int {
	t.Helper()
	usage, inactive := "memory.current", "inactive_file "
	if c.limit != "memory.max" {
		usage, inactive = "memory.usage_in_bytes", "total_inactive_file "
	}
	used, err := strconv.Atoi(c.read(t, usage))
	require.NoError(t, err)
	for line := range strings.Lines(c.read(t, "memory.stat")) {
		if text, found := strings.CutPrefix(strings.TrimSpace(line), inactive); found {
			n, err := strconv.Atoi(text)
			require.NoError(t, err)
			used -= n
		}
	}
	return used >> 10
}

// runtimeLog keeps what a container writes as the container runtime does: each line with its time and stream in a file.
type runtimeLog struct {
	file   *os.File
	stream string
	rest   []byte
}

func (l *runtimeLog) Write(p []byte) (int, error) {
	for rest := p; ; {
		line, after, found := strings.Cut(string(rest), "\n")
		if !found {
			l.rest = append(l.rest, line...)
			return len(p), nil
		}
		text := fmt.Sprintf("%s %s F %s%s\n", time.Now().Format(time.RFC3339Nano), l.stream, l.rest, line)
		if _, err := l.file.WriteString(text); err != nil {
			return 0, err
		}
		l.rest, rest = l.rest[:0], []byte(after)
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
