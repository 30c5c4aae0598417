package kit

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Raw is a packet to send through a raw socket (raw(7), CAP_NET_RAW).
type Raw struct {
	To       netip.Addr
	Protocol int    // of the IP header
	Payload  []byte // what follows the IP header
	Header   bool   // the payload brings its own IPv4 header (IP_HDRINCL)
	Checksum int    // IPv6: where in the payload the kernel puts the checksum; 0: nowhere
	Mark     int    // SO_MARK
	Device   string // SO_BINDTODEVICE
}

// SendRaw sends one packet.
func (a *Actor) SendRaw(r Raw) error {
	a.t.Helper()
	return a.call("raw", r, nil)
}

// Ping sends an echo request through a ping socket (icmp(7)), which needs no capability, and waits for the answer.
func (a *Actor) Ping(to netip.Addr) error {
	a.t.Helper()
	return a.call("ping", to, nil)
}

// Join makes the kernel join a multicast group: it tells the routers (IGMP, MLD).
func (a *Actor) Join(group netip.Addr) error {
	a.t.Helper()
	return a.call("join", group, nil)
}

func (w *world) join(group netip.Addr) (struct{}, error) {
	eth0, err := net.InterfaceByName("eth0")
	if err != nil {
		return struct{}{}, err
	}
	c, err := net.ListenMulticastUDP("udp", eth0, net.UDPAddrFromAddrPort(netip.AddrPortFrom(group, 5000)))
	if err != nil {
		return struct{}{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last++
	w.listeners[w.last] = &listener{close: c.Close}
	return struct{}{}, nil
}

// Flood is a stream of packets: every kind that an application without capabilities can send.
type Flood struct {
	To    []netip.Addr
	For   time.Duration
	Pause time.Duration // between rounds; one round is a TCP connection, a datagram and a ping for each address
}

// Flood sends until the time is over and returns how many packets it tried to send.
func (a *Actor) Flood(f Flood) (int, error) {
	a.t.Helper()
	var sent int
	err := a.call("flood", f, &sent)
	return sent, err
}

func raw(r Raw) (struct{}, error) {
	family, to := unix.AF_INET, sockaddr(netip.AddrPortFrom(r.To, 0))
	if r.To.Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_RAW|unix.SOCK_CLOEXEC, r.Protocol)
	if err != nil {
		return struct{}{}, os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	if r.Header {
		err = errors.Join(err, unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_HDRINCL, 1))
	}
	if r.Checksum != 0 {
		err = errors.Join(err, unix.SetsockoptInt(fd, unix.SOL_IPV6, unix.IPV6_CHECKSUM, r.Checksum))
	}
	if r.Mark != 0 {
		err = errors.Join(err, unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MARK, r.Mark))
	}
	if r.Device != "" {
		err = errors.Join(err, unix.BindToDevice(fd, r.Device))
	}
	if err != nil {
		return struct{}{}, err
	}
	return struct{}{}, os.NewSyscallError("sendto", unix.Sendto(fd, r.Payload, 0, to))
}

func ping(to netip.Addr) (struct{}, error) {
	fd, err := pingSocket(to)
	if err != nil {
		return struct{}{}, err
	}
	defer unix.Close(fd)
	wait := unix.NsecToTimeval(int64(300 * time.Millisecond))
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait); err != nil {
		return struct{}{}, err
	}
	if err := unix.Sendto(fd, echoRequest(to), 0, sockaddr(netip.AddrPortFrom(to, 0))); err != nil {
		return struct{}{}, os.NewSyscallError("sendto", err)
	}
	_, _, err = unix.Recvfrom(fd, make([]byte, 256), 0)
	return struct{}{}, os.NewSyscallError("recvfrom", err)
}

func pingSocket(to netip.Addr) (int, error) {
	family, protocol := unix.AF_INET, unix.IPPROTO_ICMP
	if to.Is6() {
		family, protocol = unix.AF_INET6, unix.IPPROTO_ICMPV6
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, protocol)
	return fd, os.NewSyscallError("socket", err)
}

func echoRequest(to netip.Addr) []byte {
	kind := byte(8)
	if to.Is6() {
		kind = 128
	}
	return append([]byte{kind, 0, 0, 0, 0, 0, 0, 1}, "ping"...)
}

func flood(f Flood) (int, error) {
	sent := 0
	pings := map[netip.Addr]int{}
	for _, to := range f.To {
		fd, err := pingSocket(to)
		if err != nil {
			return 0, err
		}
		defer unix.Close(fd)
		pings[to] = fd
	}
	for end := time.Now().Add(f.For); time.Now().Before(end); time.Sleep(f.Pause) {
		for to, fd := range pings {
			_ = unix.Sendto(fd, echoRequest(to), unix.MSG_DONTWAIT, sockaddr(netip.AddrPortFrom(to, 0))) // refused is as good as dropped
			knock(to, unix.SOCK_STREAM, 80)
			knock(to, unix.SOCK_DGRAM, 9)
			knock(to, unix.SOCK_DGRAM, 53)
			sent += 4
		}
	}
	return sent, nil
}

// knock sends a SYN or a datagram and forgets about it.
func knock(to netip.Addr, kind int, port uint16) {
	family := unix.AF_INET
	if to.Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	if unix.Connect(fd, sockaddr(netip.AddrPortFrom(to, port))) == nil {
		_ = unix.Send(fd, []byte("knock"), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL) // refused is as good as dropped
	}
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
}
