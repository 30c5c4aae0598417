//go:build kernel

package sockets_test

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/effects/sockets"
	"data-space.liqo.io/test/kit"
)

// A peer that has sent and goes leaves the kernel with what its program has not read: no list of the kernel's has the socket.
func TestWhatEndedConnectionsHaveReceivedIsDropped(t *testing.T) {
	const much = 40 << 10 // fits in a receive window that has not grown
	p := kit.NewPod(t)
	reset, finished, alive := connected(t, p.NS), connected(t, p.NS), connected(t, p.NS)
	for _, c := range []pair{reset, finished, alive} {
		_, err := c.far.Write(make([]byte, much))
		require.NoError(t, err)
		require.Eventually(t, func() bool { return waiting(t, c.near) >= much }, 30*time.Second, time.Millisecond)
	}
	require.NoError(t, finished.near.(*net.TCPConn).CloseWrite())
	_, err := finished.far.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
	require.NoError(t, finished.far.Close())
	require.NoError(t, reset.far.(*net.TCPConn).SetLinger(0))
	require.NoError(t, reset.far.Close())
	datagrams := datagramsThatWait(t, p.NS, much)

	for _, c := range []net.Conn{reset.near, finished.near, datagrams} {
		require.GreaterOrEqual(t, waiting(t, c), much, "it stays until it is read")
	}
	drain := func() { require.NoError(t, sockets.Drain(sockets.Owner{PID: os.Getpid(), Cgroup: ownGroup(t)})) }
	require.Eventually(t, func() bool {
		drain()
		return waiting(t, reset.near) == 0 && waiting(t, finished.near) == 0 && waiting(t, datagrams) < 20<<10
	}, 30*time.Second, time.Millisecond)
	for _, c := range []pair{reset, finished} {
		require.NoError(t, c.near.SetReadDeadline(time.Now().Add(30*time.Second)))
		n, err := c.near.Read(make([]byte, much))
		require.Zero(t, n)
		require.Error(t, err)
		require.NotErrorIs(t, err, io.EOF, "the reader would take what it has for the whole")
		require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
	}
	n, err := io.ReadFull(alive.near, make([]byte, much))
	require.NoError(t, err)
	require.Equal(t, much, n, "what a connection has received that lives stays")
}

// pair is the two ends of a connection over lo.
type pair struct{ near, far net.Conn }

func connected(t *testing.T, in *netns.Namespace) (p pair) {
	t.Helper()
	require.NoError(t, in.Do(func() error {
		l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // in the pod's namespace, on this thread
		if err != nil {
			return err
		}
		defer l.Close()
		if p.near, err = net.Dial("tcp", l.Addr().String()); err != nil { //nolint:noctx // as above
			return err
		}
		p.far, err = l.Accept()
		return err
	}))
	t.Cleanup(func() { _ = errors.Join(p.near.Close(), p.far.Close()) })
	return p
}

// datagramsThatWait returns a UDP socket that has received so many bytes or more.
func datagramsThatWait(t *testing.T, in *netns.Namespace, bytes int) (near net.Conn) {
	t.Helper()
	require.NoError(t, in.Do(func() error {
		socket, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			return err
		}
		near = socket
		far, err := net.Dial("udp", socket.LocalAddr().String()) //nolint:noctx // as above
		if err != nil {
			return err
		}
		defer far.Close()
		for range bytes >> 10 {
			if _, err := far.Write(make([]byte, 1<<10)); err != nil {
				return err
			}
		}
		return nil
	}))
	t.Cleanup(func() { _ = near.Close() })
	require.Eventually(t, func() bool { return waiting(t, near) >= bytes }, 30*time.Second, time.Millisecond) // a busy kernel delivers later than it accepts
	return near
}

// waiting returns how many bytes the kernel holds for what a socket has received.
func waiting(t *testing.T, c net.Conn) (bytes int) {
	t.Helper()
	raw, err := c.(syscall.Conn).SyscallConn()
	require.NoError(t, err)
	require.NoError(t, raw.Control(func(fd uintptr) {
		bytes, err = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_MEMINFO)
	}))
	require.NoError(t, err)
	return bytes
}

func ownGroup(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("/proc/self/cgroup")
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		if path, found := strings.CutPrefix(strings.TrimSpace(line), "0::"); found {
			return path
		}
	}
	require.Fail(t, "no cgroup2 hierarchy")
	return ""
}
