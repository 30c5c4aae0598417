package probe

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// methods are the ways out that the probe knows, by name.
func methods() map[string]method {
	return map[string]method{
		"tcp":               tcp(nil),
		"tcp with SO_MARK":  tcp(marked),
		"tcp bound to eth0": tcp(bound),
		"udp":               func(ctx context.Context, to string) string { return udp(ctx, to, []byte("hello")) },
		"dns":               func(ctx context.Context, to string) string { return udp(ctx, to, question()) },
		"ping":              func(ctx context.Context, to string) string { return echo(ctx, to, unix.SOCK_DGRAM) },
		"raw icmp":          func(ctx context.Context, to string) string { return echo(ctx, to, unix.SOCK_RAW) },
	}
}

// control prepares a socket before it connects.
type control func(network, address string, conn syscall.RawConn) error

// tcp connects, asks for / by HTTP and reports the first line of the answer.
func tcp(prepare control) method {
	return func(ctx context.Context, to string) string {
		conn, err := (&net.Dialer{Control: prepare}).DialContext(ctx, "tcp", to)
		if err != nil {
			return err.Error()
		}
		defer conn.Close()
		_ = conn.SetDeadline(deadline(ctx))
		if _, err := fmt.Fprintf(conn, "GET /probe HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", to); err != nil {
			return "connected, then " + err.Error()
		}
		line, err := bufio.NewReader(conn).ReadString('\n')
		if err != nil {
			return "connected, then " + err.Error()
		}
		return "answered " + strings.TrimSpace(line)
	}
}

func marked(_, _ string, conn syscall.RawConn) error {
	return setsockopt(conn, func(fd int) error { return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MARK, 1303) })
}

func bound(_, _ string, conn syscall.RawConn) error {
	return setsockopt(conn, func(fd int) error { return unix.BindToDevice(fd, "eth0") })
}

func setsockopt(conn syscall.RawConn, set func(fd int) error) error {
	failed := error(nil)
	if err := conn.Control(func(fd uintptr) { failed = set(int(fd)) }); err != nil {
		return err
	}
	return failed
}

// udp sends one datagram, three times, and reports the first answer.
func udp(ctx context.Context, to string, payload []byte) string {
	conn, err := (&net.Dialer{}).DialContext(ctx, "udp", to)
	if err != nil {
		return err.Error()
	}
	defer conn.Close()
	refused := error(nil)
	for range 3 {
		if _, err := conn.Write(payload); err != nil {
			refused = err
		}
		_ = conn.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
		answer := make([]byte, 1500)
		if n, err := conn.Read(answer); err == nil {
			return fmt.Sprintf("answered %d bytes", n)
		}
	}
	if refused != nil {
		return refused.Error()
	}
	return "no answer"
}

// question is a DNS query for the A record of kubernetes.default.svc.cluster.local.
func question() []byte {
	const header = "\x13\x03\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
	return []byte(header + "\x0akubernetes\x07default\x03svc\x07cluster\x05local\x00" + "\x00\x01\x00\x01")
}

// echo sends one ICMP echo request from a socket of the given type (datagram: a ping socket; raw needs CAP_NET_RAW).
func echo(ctx context.Context, to string, kind int) string {
	address, err := netip.ParseAddr(to)
	if err != nil {
		return err.Error()
	}
	fd, err := icmpSocket(address, kind)
	if err != nil {
		return "no socket: " + err.Error()
	}
	defer unix.Close(fd)
	if err := unix.Sendto(fd, echoRequest(address.Is6()), 0, sockaddr(address)); err != nil {
		return "not sent: " + err.Error()
	}
	wait := unix.NsecToTimeval(int64(min(time.Second, time.Until(deadline(ctx)))))
	_ = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait)
	answer := make([]byte, 1500)
	n, _, err := unix.Recvfrom(fd, answer, 0)
	if err != nil {
		return "no answer: " + err.Error()
	}
	return fmt.Sprintf("answered %d bytes", n)
}

func icmpSocket(address netip.Addr, kind int) (int, error) {
	if address.Is6() {
		return unix.Socket(unix.AF_INET6, kind|unix.SOCK_CLOEXEC, unix.IPPROTO_ICMPV6)
	}
	return unix.Socket(unix.AF_INET, kind|unix.SOCK_CLOEXEC, unix.IPPROTO_ICMP)
}

func sockaddr(address netip.Addr) unix.Sockaddr {
	if address.Is6() {
		return &unix.SockaddrInet6{Addr: address.As16()}
	}
	return &unix.SockaddrInet4{Addr: address.As4()}
}

// echoRequest has id 0x1303 and sequence number 1. The kernel fills in the IPv6 checksum.
func echoRequest(v6 bool) []byte {
	if v6 {
		return []byte{128, 0, 0, 0, 0x13, 0x03, 0, 1}
	}
	return []byte{8, 0, 0xe4, 0xfb, 0x13, 0x03, 0, 1}
}

func deadline(ctx context.Context) time.Time {
	if at, set := ctx.Deadline(); set {
		return at
	}
	return time.Now().Add(limit)
}
