package probe

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// pause is between two rounds of packets, and sending the time after which a sender ends by itself.
const (
	pause   = 10 * time.Millisecond
	sending = 10 * time.Minute
)

// send sends datagrams and echo requests to the addresses, from its first moment until the context or its time ends. What
// comes of them it does not ask.
func send(ctx context.Context, args []string) error {
	var addresses []netip.Addr
	for _, arg := range args {
		address, err := netip.ParseAddr(arg)
		if err != nil {
			return fmt.Errorf("probe send: %w", err)
		}
		addresses = append(addresses, address)
	}
	ctx, cancel := context.WithTimeout(ctx, sending)
	defer cancel()
	for ctx.Err() == nil {
		for _, address := range addresses {
			datagram(ctx, address, nil)
			datagram(ctx, address, bound)
			ping(address)
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
	return nil
}

// datagram sends one to port 9 (discard).
func datagram(ctx context.Context, to netip.Addr, prepare func(network, address string, conn syscall.RawConn) error) {
	conn, err := (&net.Dialer{Control: prepare}).DialContext(ctx, "udp", netip.AddrPortFrom(to, 9).String())
	if err != nil {
		return
	}
	_, _ = conn.Write([]byte("hello"))
	_ = conn.Close()
}

func ping(to netip.Addr) {
	fd, err := icmpSocket(to, unix.SOCK_DGRAM)
	if err != nil {
		return
	}
	_ = unix.Sendto(fd, echoRequest(to.Is6()), 0, sockaddr(to))
	_ = unix.Close(fd)
}
