//go:build kernel

package podcapture

import (
	"context"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/containernetworking/plugins/pkg/testutils"
	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"data-space.liqo.io/pkg/effects/netns"
)

func scratch(t *testing.T) (ns.NetNS, *netns.Namespace) {
	t.Helper()
	made, err := testutils.NewNS()
	require.NoError(t, err)
	opened, err := netns.Open(made.Path())
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, opened.Close())
		require.NoError(t, made.Close())
		require.NoError(t, testutils.UnmountNS(made))
	})
	return made, opened
}

// joined makes a pod (192.0.2.1) and its node (192.0.2.2), joined by a veth.
func joined(t *testing.T) (node, pod *netns.Namespace) {
	t.Helper()
	handle, node := scratch(t)
	_, pod = scratch(t)
	require.NoError(t, pod.Do(func() error {
		veth := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "eth0"}, PeerName: "veth0", PeerNamespace: netlink.NsFd(handle.Fd())}
		return netlink.LinkAdd(veth)
	}))
	up(t, node, "veth0", "192.0.2.2/24")
	up(t, pod, "eth0", "192.0.2.1/24")
	return node, pod
}

func up(t *testing.T, space *netns.Namespace, name, address string) {
	t.Helper()
	require.NoError(t, space.Do(func() error {
		link, err := netlink.LinkByName(name)
		if err != nil {
			return err
		}
		parsed, err := netlink.ParseAddr(address)
		if err != nil {
			return err
		}
		if err := netlink.AddrAdd(link, parsed); err != nil {
			return err
		}
		return netlink.LinkSetUp(link)
	}))
}

// self is this process as the owner of a socket.
func self(t *testing.T) Owner {
	t.Helper()
	root, err := CgroupRoot()
	require.NoError(t, err)
	owner, err := ProcessOwner(root, os.Getpid())
	require.NoError(t, err)
	return owner
}

// captured returns a pod, beside a node on which a port listens, and the capture of the pod's link, which runs until end.
func captured(t *testing.T) (pod *netns.Namespace, capture *Capture, end func()) {
	t.Helper()
	node, pod := joined(t)
	capture, err := Open(node, pod, nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = capture.Close() })
	var listener net.Listener
	require.NoError(t, node.Do(func() error {
		listener, err = net.Listen("tcp4", "192.0.2.2:80")
		return err
	}))
	t.Cleanup(func() { _ = listener.Close() })
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- capture.Run(ctx) }()
	return pod, capture, func() {
		stop()
		require.NoError(t, <-done)
	}
}

func TestACaptureTellsWhoSent(t *testing.T) {
	pod, capture, end := captured(t)
	require.Equal(t, "veth0", capture.Interface)
	require.NoError(t, pod.Do(func() error {
		for range 50 { // short connections, as those of a proxy on one machine
			conn, err := net.Dial("tcp4", "192.0.2.2:80")
			if err != nil {
				return err
			}
			time.Sleep(2 * time.Millisecond)
			_ = conn.Close()
		}
		for _, to := range []string{"192.0.2.2:53", "192.0.2.2:99"} {
			conn, err := net.Dial("udp4", to)
			if err != nil {
				return err
			}
			defer conn.Close()
			if _, err := conn.Write([]byte("x")); err != nil {
				return err
			}
		}
		time.Sleep(100 * time.Millisecond)
		return nil
	}))
	time.Sleep(200 * time.Millisecond)
	end()

	rules := Rules{Proxies: []Owner{self(t)}, DNS: []netip.Addr{netip.MustParseAddr("192.0.2.2")}}
	verdict := Judge(capture.Packets, &capture.Owners, rules)
	require.Greater(t, verdict.ProxyTCP, 100)
	require.Equal(t, 1, verdict.ProxyDNS)
	for _, leak := range verdict.Leaks { // the datagram to port 99, and what the kernel says for itself over IPv6
		require.True(t, strings.Contains(leak, "192.0.2.2:99") || strings.Contains(leak, "icmpv6"), leak)
	}
	require.NotEmpty(t, verdict.Leaks)

	rules.Proxies[0].Cgroup++
	require.Zero(t, Judge(capture.Packets, &capture.Owners, rules).ProxyTCP)
}

// TestAConnectionFromPortsThatAnotherHadIsItsOwn: the kernel gives the ports of a socket that is gone to the next.
func TestAConnectionFromPortsThatAnotherHadIsItsOwn(t *testing.T) {
	pod, capture, end := captured(t)
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 34902}}
	const other = 1234
	for _, uid := range []int{other, 0} {
		require.NoError(t, pod.Do(func() error { // this thread's alone
			if _, err := unix.SetfsuidRetUid(uid); err != nil {
				return err
			}
			defer func() { _, _ = unix.SetfsuidRetUid(0) }()
			conn, err := dialer.Dial("tcp4", "192.0.2.2:80")
			if err != nil {
				return err
			}
			time.Sleep(200 * time.Millisecond)
			require.NoError(t, conn.(*net.TCPConn).SetLinger(0)) // its ports are free at once
			return conn.Close()
		}))
	}
	time.Sleep(200 * time.Millisecond)
	end()

	var second []Packet
	for _, p := range capture.Packets {
		if p.Out && p.Flags&(flagSYN|flagACK) == flagSYN {
			second = nil
		}
		second = append(second, p)
	}
	verdict := Judge(second, &capture.Owners, Rules{Proxies: []Owner{self(t)}})
	require.Positive(t, verdict.ProxyTCP)
	for _, leak := range verdict.Leaks {
		require.Contains(t, leak, "icmpv6")
	}
	verdict = Judge(second, &capture.Owners, Rules{Proxies: []Owner{{UID: other, Cgroup: self(t).Cgroup}}})
	require.Zero(t, verdict.ProxyTCP, "it is not the first one's")
}
