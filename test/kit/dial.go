package kit

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Dial is a connection or a flow of datagrams to open.
type Dial struct {
	Network string         // tcp or udp
	From    netip.AddrPort // zero: the kernel chooses
	To      netip.AddrPort
	Device  string // SO_BINDTODEVICE
	Mark    int    // SO_MARK
	Timeout time.Duration
	// Multipath makes it MPTCP.
	Multipath bool
	Free      bool // IP_FREEBIND: From need not be an address of an interface
}

// Talk is a Dial, one message and the answer.
type Talk struct {
	Dial
	Send string
	Bulk int // how many further bytes to send
}

// Answer is what came back until the other side closed, or had nothing more to say in time.
type Answer struct {
	Local netip.AddrPort
	Text  string // the first 256 bytes
	Bytes int
}

type conn struct{ net.Conn }

// Dial opens a connection and keeps it: the number stands for it in Write, Read and Close.
func (a *Actor) Dial(d Dial) (int, error) {
	a.t.Helper()
	var id int
	err := a.call("dial", d, &id)
	return id, err
}

// Write writes to a connection.
func (a *Actor) Write(id int, text string) error {
	a.t.Helper()
	return a.call("write", transfer{ID: id, Text: text}, nil)
}

// WriteBulk writes that many bytes to a connection.
func (a *Actor) WriteBulk(id, bytes int) error {
	a.t.Helper()
	return a.call("write", transfer{ID: id, Bulk: bytes}, nil)
}

// Fill writes to a connection whose other end does not read, until the kernel has taken nothing for a second.
func (a *Actor) Fill(id int) error {
	a.t.Helper()
	return a.call("fill", transfer{ID: id}, nil)
}

// Read reads what comes within the time.
func (a *Actor) Read(id int, within time.Duration) (Answer, error) {
	a.t.Helper()
	var got Answer
	err := a.call("read", transfer{ID: id, Timeout: within}, &got)
	return got, err
}

// Await reads what must come: it waits long for the first byte, and not for more than a moment after.
func (a *Actor) Await(id int) (Answer, error) {
	a.t.Helper()
	var got Answer
	err := a.call("read", transfer{ID: id, Timeout: 30 * time.Second, Pause: 250 * time.Millisecond}, &got)
	return got, err
}

// Close closes a connection.
func (a *Actor) Close(id int) error {
	a.t.Helper()
	return a.call("close", transfer{ID: id}, nil)
}

// Talk dials, sends all it has to say, reads the answer and closes.
func (a *Actor) Talk(k Talk) (Answer, error) {
	a.t.Helper()
	id, err := a.Dial(k.Dial)
	if err != nil {
		return Answer{}, err
	}
	defer a.Close(id)
	if err := a.call("write", transfer{ID: id, Text: k.Send, Bulk: k.Bulk, End: true}, nil); err != nil {
		return Answer{}, err
	}
	return a.Read(id, k.timeout())
}

type transfer struct {
	ID      int
	Text    string
	Bulk    int
	End     bool // nothing follows: a FIN
	Timeout time.Duration
	Pause   time.Duration // 0: a quarter of Timeout
}

func (d Dial) timeout() time.Duration {
	if d.Timeout == 0 {
		return 3 * time.Second
	}
	return d.Timeout
}

func (w *world) dial(d Dial) (int, error) {
	dialer := net.Dialer{Timeout: d.timeout(), Control: options(d.Device, d.Mark, d.From.IsValid(), d.Free)}
	dialer.SetMultipathTCP(d.Multipath)
	if d.From.IsValid() {
		dialer.LocalAddr = net.TCPAddrFromAddrPort(d.From)
		if d.Network == "udp" {
			dialer.LocalAddr = net.UDPAddrFromAddrPort(d.From)
		}
	}
	c, err := dialer.Dial(d.Network, d.To.String())
	if err != nil {
		return 0, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last++
	w.conns[w.last] = &conn{c}
	return w.last, nil
}

// options sets socket options before the socket is bound.
func options(device string, mark int, reuse, free bool) func(_, _ string, _ syscall.RawConn) error {
	return func(_, _ string, raw syscall.RawConn) error {
		var failed error
		err := raw.Control(func(fd uintptr) {
			if device != "" {
				failed = errors.Join(failed, os.NewSyscallError("SO_BINDTODEVICE", unix.BindToDevice(int(fd), device)))
			}
			if mark != 0 {
				failed = errors.Join(failed, os.NewSyscallError("SO_MARK", unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_MARK, mark)))
			}
			if free { // a socket of IPv6 takes IPv4's option as well
				failed = errors.Join(failed, os.NewSyscallError("IP_FREEBIND", unix.SetsockoptInt(int(fd), unix.SOL_IP, unix.IP_FREEBIND, 1)))
			}
			if reuse {
				failed = errors.Join(failed, os.NewSyscallError("SO_REUSEADDR", unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)))
			}
		})
		return errors.Join(err, failed)
	}
}

func (w *world) conn(id int) (*conn, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c, ok := w.conns[id]
	if !ok {
		return nil, fmt.Errorf("no connection %d", id)
	}
	return c, nil
}

func (w *world) write(t transfer) (struct{}, error) {
	c, err := w.conn(t.ID)
	if err != nil {
		return struct{}{}, err
	}
	_, err = c.Write(append([]byte(t.Text), make([]byte, t.Bulk)...))
	if stream, ok := c.Conn.(*net.TCPConn); ok && err == nil && t.End {
		err = stream.CloseWrite()
	}
	return struct{}{}, err
}

func (w *world) fill(t transfer) (struct{}, error) {
	c, err := w.conn(t.ID)
	for err == nil {
		_ = c.SetWriteDeadline(time.Now().Add(time.Second))
		_, err = c.Write(make([]byte, 1<<14))
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = c.SetWriteDeadline(time.Time{})
	}
	return struct{}{}, err
}

// read reads until the end, or until the first pause, by default of a quarter of the time; no byte in time is an error.
func (w *world) read(t transfer) (Answer, error) {
	c, err := w.conn(t.ID)
	if err != nil {
		return Answer{}, err
	}
	got := Answer{}
	if local, err := netip.ParseAddrPort(c.LocalAddr().String()); err == nil {
		got.Local = local
	}
	wait := t.Timeout
	for buf := make([]byte, 1<<16); ; wait = cmp.Or(t.Pause, t.Timeout/4) {
		if err := c.SetReadDeadline(time.Now().Add(wait)); err != nil {
			return got, err
		}
		n, err := c.Read(buf)
		got.Text += string(buf[:min(n, 256-min(len(got.Text), 256))])
		got.Bytes += n
		if errors.Is(err, io.EOF) || (got.Bytes > 0 && errors.Is(err, os.ErrDeadlineExceeded)) {
			return got, nil
		}
		if err != nil {
			return got, err
		}
		if _, datagram := c.Conn.(*net.UDPConn); datagram {
			return got, nil
		}
	}
}

func (w *world) close(t transfer) (struct{}, error) {
	c, err := w.conn(t.ID)
	if err != nil {
		return struct{}{}, err
	}
	w.mu.Lock()
	delete(w.conns, t.ID)
	w.mu.Unlock()
	return struct{}{}, c.Close()
}
