package attack

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// besideSocket is a socket of a family beside IP, and how to send by it.
type besideSocket struct {
	family, kind, protocol int
	to                     func(a Aim) []byte // the destination, as the kernel reads it
	from                   func(a Aim) []byte // what the socket is bound to first; nil: nothing
	prepare                prepare
	size                   int // of what is sent; 0: the secret's
	control                []byte
}

// sentError is the outcome of an attempt whose data the kernel took.
type sentError int

func (n sentError) Error() string { return fmt.Sprintf("sent %d bytes", int(n)) }

// try opens the socket, connects it and sends the secret, and reports at which step the kernel refused.
func (s besideSocket) try(a Aim) error {
	fd, err := unix.Socket(s.family, s.kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, s.protocol)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	return s.send(fd, a)
}

// send uses an open socket. A step that fails does not end the attempt: some families send without it.
func (s besideSocket) send(fd int, a Aim) error {
	var refused []error
	note := func(step string, err error) {
		if err != nil {
			refused = append(refused, os.NewSyscallError(step, err))
		}
	}
	if s.prepare != nil {
		note("prepare", s.prepare(fd, a))
	}
	if s.from != nil {
		note("bind", callAddress(unix.SYS_BIND, fd, s.from(a)))
	}
	to := s.to(a)
	err := callAddress(unix.SYS_CONNECT, fd, to)
	if errors.Is(err, unix.EINPROGRESS) {
		_ = await(fd, unix.POLLOUT) // what became of it is what the next step reports
		err = nil
	}
	note("connect", err)
	text := s.payload()
	n, err := unix.SendmsgN(fd, text, s.control, nil, unix.MSG_DONTWAIT)
	if err != nil {
		note("send", err)
		n, err = sendTo(fd, text, to)
	}
	if err == nil {
		_ = await(fd, unix.POLLIN) // some families send later, from a thread of the kernel
		return sentError(n)
	}
	note("sendto", err)
	return errors.Join(refused...)
}

func (s besideSocket) payload() []byte {
	if s.size == 0 {
		return []byte(Secret)
	}
	return []byte(strings.Repeat(Secret, s.size/len(Secret)+1)[:s.size])
}

// callAddress is bind(2) or connect(2) with an address that the standard types do not know.
func callAddress(call uintptr, fd int, address []byte) error {
	_, _, errno := unix.Syscall(call, uintptr(fd), uintptr(unsafe.Pointer(&address[0])), uintptr(len(address))) //nolint:gosec // for the kernel
	return errnoOrNil(errno)
}

// sendTo is sendto(2). RDS knows no other flag than this one.
func sendTo(fd int, text, address []byte) (int, error) {
	n, _, errno := unix.Syscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&text[0])), uintptr(len(text)), //nolint:gosec // for the kernel
		unix.MSG_DONTWAIT, uintptr(unsafe.Pointer(&address[0])), uintptr(len(address))) //nolint:gosec // for the kernel
	return int(n), errnoOrNil(errno)
}
