// Command probe makes the system calls that a test asks for, and prints the result of each.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "probe:", err)
		unix.Exit(1)
	}
}

func run(what string) error {
	switch what {
	case "calls":
		return json.NewEncoder(os.Stdout).Encode(calls())
	case "i386":
		return i386()
	default:
		return ordinary()
	}
}

// calls returns the errno of each call, 0 if it succeeded.
func calls() map[string]syscall.Errno {
	out := map[string]syscall.Errno{}
	made := func(name string, fd uintptr, errno syscall.Errno) {
		if errno == 0 {
			_ = unix.Close(int(fd))
		}
		out[name] = errno
	}
	for family := range uintptr(64) {
		for _, kind := range []uintptr{unix.SOCK_STREAM, unix.SOCK_DGRAM, unix.SOCK_RAW, unix.SOCK_SEQPACKET} {
			for _, high := range []uintptr{0, 1 << 32} {
				fd, _, errno := syscall.RawSyscall(unix.SYS_SOCKET, family|high, kind, 0)
				made(fmt.Sprintf("socket %d %d %d", family, kind, high>>32), fd, errno)
			}
		}
		pair := [2]int32{}
		_, _, errno := syscall.RawSyscall6(unix.SYS_SOCKETPAIR, family, unix.SOCK_STREAM, 0, uintptr(unsafe.Pointer(&pair)), 0, 0) //nolint:gosec // the call wants a pointer
		out[fmt.Sprintf("socketpair %d", family)] = errno
	}
	for protocol := range uintptr(32) {
		fd, _, errno := syscall.RawSyscall(unix.SYS_SOCKET, unix.AF_NETLINK, unix.SOCK_RAW, protocol)
		made(fmt.Sprintf("netlink %d", protocol), fd, errno)
	}
	for _, protocol := range []uintptr{unix.IPPROTO_TCP, 256, 262, 256 | 1<<32, 263} {
		fd, _, errno := syscall.RawSyscall(unix.SYS_SOCKET, unix.AF_INET, unix.SOCK_STREAM, protocol)
		made(fmt.Sprintf("inet %d", protocol), fd, errno)
	}
	ring := [120]byte{}
	fd, _, errno := syscall.RawSyscall(unix.SYS_IO_URING_SETUP, 1, uintptr(unsafe.Pointer(&ring)), 0) //nolint:gosec // the call wants a pointer
	made("io_uring_setup", fd, errno)
	_, _, out["unshare"] = syscall.RawSyscall(unix.SYS_UNSHARE, unix.CLONE_NEWUTS, 0, 0)
	return out
}

// ordinary does what ordinary programs do.
func ordinary() error {
	if _, err := net.Interfaces(); err != nil {
		return fmt.Errorf("interfaces: %w", err)
	}
	if _, err := net.InterfaceAddrs(); err != nil {
		return fmt.Errorf("addresses: %w", err)
	}
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	defer listener.Close()
	conn, err := (&net.Dialer{}).Dial("tcp", listener.Addr().String())
	if err != nil {
		return fmt.Errorf("dial: %w", err)
	}
	defer conn.Close()
	if _, err := net.DefaultResolver.LookupHost(context.Background(), "name.invalid"); err != nil {
		if dns := (*net.DNSError)(nil); !errors.As(err, &dns) {
			return fmt.Errorf("resolve: %w", err)
		}
	}
	return exec.Command("/proc/self/exe", "calls").Run()
}
