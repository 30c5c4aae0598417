package kit

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Listen is a port to serve, and how.
type Listen struct {
	Network string // tcp or udp
	At      netip.AddrPort
	Reuse   bool   // SO_REUSEPORT
	Greet   string // said first, before anything is heard
	Bulk    int    // how many further bytes to say after the first that was heard
	Echo    string // said before each echo of what was heard; empty: no answer
	Close   bool   // closes at once after Greet
	Hold    bool   // accepts nothing: connections wait in the kernel
	Route   []byte // an IPv6 routing header (RFC 8200), sent with all that the socket says
	// Multipath makes it MPTCP, as in Dial.
	Multipath bool
	// Fields are header fields that the socket chooses for its SYN+ACKs.
	Fields Fields
}

// Fields are the header fields of a TCP segment that a program can choose by socket options, without a capability. Zero: the kernel's choice.
type Fields struct {
	HopLimit, TrafficClass byte // IPv4: TTL, TOS
	Segment, Window        uint16
}

// Accepted is one connection that a listener got.
type Accepted struct {
	Remote   netip.AddrPort
	Original netip.AddrPort // SO_ORIGINAL_DST
	Heard    string         // the first 256 bytes
	Bytes    int
}

type listener struct {
	Listen
	close func() error

	mu       sync.Mutex
	accepted []*Accepted
}

// Listen opens a port. The number stands for it in Accepted and StopListening.
func (a *Actor) Listen(l Listen) (int, error) {
	a.t.Helper()
	var id int
	err := a.call("listen", l, &id)
	return id, err
}

// Accepted returns the connections that a listener got, or the datagrams.
func (a *Actor) Accepted(id int) []Accepted {
	a.t.Helper()
	var got []Accepted
	if err := a.call("accepted", transfer{ID: id}, &got); err != nil {
		a.t.Errorf("accepted: %v", err)
	}
	return got
}

// StopListening closes a port.
func (a *Actor) StopListening(id int) error {
	a.t.Helper()
	return a.call("stop", transfer{ID: id}, nil)
}

func (w *world) listen(l Listen) (int, error) {
	served := &listener{Listen: l}
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var failed error
		err := raw.Control(func(fd uintptr) {
			if l.Reuse {
				failed = os.NewSyscallError("SO_REUSEPORT", unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1))
			}
			if len(l.Route) > 0 {
				failed = errors.Join(failed, os.NewSyscallError("IPV6_RTHDR", unix.SetsockoptString(int(fd), unix.SOL_IPV6, unix.IPV6_RTHDR, string(l.Route))))
			}
			failed = errors.Join(failed, l.Fields.choose(int(fd), l.At.Addr().Is6()))
		})
		return errors.Join(err, failed)
	}}
	config.SetMultipathTCP(l.Multipath) // Envoy's are plain sockets
	if l.Network == "udp" {
		p, err := config.ListenPacket(context.Background(), "udp", l.At.String())
		if err != nil {
			return 0, err
		}
		served.close = p.Close
		go served.datagrams(p)
	} else {
		s, err := config.Listen(context.Background(), "tcp", l.At.String())
		if err != nil {
			return 0, err
		}
		served.close = s.Close
		if !l.Hold {
			go served.connections(s)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last++
	w.listeners[w.last] = served
	return w.last, nil
}

// choose sets the options of a socket. In a socket of IPv6 those of IPv4 are set as well: it may serve both.
func (f Fields) choose(fd int, v6 bool) error {
	type option struct{ level, name, value int }
	options := []option{
		{unix.SOL_IP, unix.IP_TTL, int(f.HopLimit)}, {unix.SOL_IP, unix.IP_TOS, int(f.TrafficClass)},
		{unix.SOL_TCP, unix.TCP_MAXSEG, int(f.Segment)}, {unix.SOL_TCP, unix.TCP_WINDOW_CLAMP, int(f.Window)},
	}
	if v6 {
		options = append(options, option{unix.SOL_IPV6, unix.IPV6_UNICAST_HOPS, int(f.HopLimit)}, option{unix.SOL_IPV6, unix.IPV6_TCLASS, int(f.TrafficClass)})
	}
	var failed error
	for _, o := range options {
		if o.value != 0 {
			failed = errors.Join(failed, os.NewSyscallError("setsockopt", unix.SetsockoptInt(fd, o.level, o.name, o.value)))
		}
	}
	return failed
}

func (w *world) listener(id int) (*listener, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	l, ok := w.listeners[id]
	if !ok {
		return nil, fmt.Errorf("no listener %d", id)
	}
	return l, nil
}

func (w *world) accepted(t transfer) ([]Accepted, error) {
	l, err := w.listener(t.ID)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var got []Accepted
	for _, a := range l.accepted {
		got = append(got, *a)
	}
	return got, nil
}

func (w *world) stop(t transfer) (struct{}, error) {
	l, err := w.listener(t.ID)
	if err != nil {
		return struct{}{}, err
	}
	return struct{}{}, l.close()
}

func (l *listener) note(a *Accepted) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.accepted = append(l.accepted, a)
}

func (l *listener) heard(a *Accepted, b []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a.Heard += string(b[:min(len(b), 256-min(len(a.Heard), 256))])
	a.Bytes += len(b)
}

func (l *listener) datagrams(p net.PacketConn) {
	for buf := make([]byte, 1<<16); ; {
		n, from, err := p.ReadFrom(buf)
		if err != nil {
			return
		}
		a := &Accepted{Remote: addrPort(from)}
		l.note(a)
		l.heard(a, buf[:n])
		if l.Echo != "" {
			_, _ = p.WriteTo(append([]byte(l.Echo), buf[:n]...), from) // the test sees that no answer comes
		}
	}
}

func (l *listener) connections(s net.Listener) {
	for {
		c, err := s.Accept()
		if err != nil {
			return
		}
		a := &Accepted{Remote: addrPort(c.RemoteAddr()), Original: originalDestination(c.(*net.TCPConn))}
		l.note(a)
		go l.serve(c, a)
	}
}

func (l *listener) serve(c net.Conn, a *Accepted) {
	defer c.Close()
	if l.Greet != "" {
		_, _ = c.Write([]byte(l.Greet))
	}
	if l.Close {
		return
	}
	for buf := make([]byte, 1<<16); ; {
		n, err := c.Read(buf)
		l.heard(a, buf[:n])
		if err != nil {
			return
		}
		if l.Echo != "" {
			_, _ = c.Write(append([]byte(l.Echo), buf[:n]...))
		}
		if l.Bulk > 0 {
			_ = c.SetWriteDeadline(time.Now().Add(10 * time.Second))
			_, _ = c.Write(make([]byte, l.Bulk))
			return
		}
	}
}

func addrPort(a net.Addr) netip.AddrPort {
	p, _ := netip.ParseAddrPort(a.String())
	return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
}

// originalDestination asks conntrack where the connection was meant to go (SO_ORIGINAL_DST, IP6T_SO_ORIGINAL_DST: both 80).
func originalDestination(c *net.TCPConn) netip.AddrPort {
	const option = 80
	level := unix.SOL_IPV6
	if addrPort(c.LocalAddr()).Addr().Is4() {
		level = unix.SOL_IP
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return netip.AddrPort{}
	}
	var b [28]byte // sockaddr_in6; sockaddr_in is shorter
	size := uint32(len(b))
	var failed syscall.Errno
	err = raw.Control(func(fd uintptr) {
		_, _, failed = unix.Syscall6(unix.SYS_GETSOCKOPT, fd, uintptr(level), option, uintptr(unsafe.Pointer(&b)), uintptr(unsafe.Pointer(&size)), 0) //nolint:gosec // getsockopt(2)
	})
	if err != nil || failed != 0 {
		return netip.AddrPort{}
	}
	port := binary.BigEndian.Uint16(b[2:])
	if level == unix.SOL_IP {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[4:8])), port)
	}
	return netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[8:24])), port)
}
