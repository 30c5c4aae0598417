package sockets

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrGone means that the process has ended, or that its number belongs to a process of another control group.
var ErrGone = errors.New("the process is gone")

// Owner is the process that holds the sockets.
type Owner struct {
	PID    int
	Cgroup string // its control group, or one above it, as /proc/PID/cgroup shows it
}

// Marked is the result of MarkListeners.
type Marked struct {
	Ports []uint16 // the ports on which the process listens with the mark, ascending
	Wrote int      // how many sockets did not have the mark before
}

// MarkListeners sets the packet mark (SO_MARK) of the TCP sockets with which the process listens on the given ports. All that
// the kernel sends for such a socket bears the mark, SYN+ACKs included. No process without CAP_NET_ADMIN or CAP_NET_RAW can
// set it. The sockets are duplicated (pidfd_getfd(2), Linux 5.6), so no socket of another process is ever marked.
// It stops as soon as every port is found: a process opens its listeners first, so a busy proxy costs no more than an idle one.
func MarkListeners(o Owner, mark uint32, ports ...uint16) (Marked, error) {
	pidfd, err := unix.PidfdOpen(o.PID, 0)
	if err != nil {
		return Marked{}, describe(o, "pidfd_open", err)
	}
	defer unix.Close(pidfd)
	if err := o.check(); err != nil { // after pidfd_open: pidfd is the process that was checked, or is dead
		return Marked{}, err
	}
	fds, err := socketsOf(o.PID)
	if err != nil {
		return Marked{}, describe(o, "list its files", err)
	}
	var m Marked
	for _, fd := range fds {
		if err := withCopy(pidfd, fd, func(socket int) error { return m.markOne(socket, mark, ports) }); err != nil {
			return m, describe(o, fmt.Sprintf("mark its socket %d", fd), err)
		}
		if len(m.Ports) == len(ports) {
			break
		}
	}
	slices.Sort(m.Ports)
	return m, nil
}

// yamaScope is Yama's ptrace_scope (Documentation/admin-guide/LSM/Yama.rst). With 3, no process may attach to another one, and so
// none may duplicate its descriptors. Attaching to oneself is always allowed: a trial does not show it.
const yamaScope = "/proc/sys/kernel/yama/ptrace_scope"

// CheckMarking returns nil if the kernel lets this process duplicate and mark sockets of other processes.
func CheckMarking() error { return errors.Join(checkYama(yamaScope), tryMarking()) }

func checkYama(path string) error {
	scope, err := os.ReadFile(path) //nolint:gosec // the kernel's own file
	if errors.Is(err, fs.ErrNotExist) {
		return nil // a kernel without Yama
	}
	if err != nil {
		return fmt.Errorf("read kernel.yama.ptrace_scope: %w", err)
	}
	if string(bytes.TrimSpace(scope)) == "3" {
		return errors.New("kernel.yama.ptrace_scope is 3: the agent cannot reach the proxies' sockets; set it to 2 or lower, which takes a reboot")
	}
	return nil
}

// tryMarking marks a socket of this process by the same calls with which the agent marks those of proxies: pidfd_open(2), pidfd_getfd(2) and
// SO_MARK (socket(7)). The error names the call and what the node or the agent lacks.
func tryMarking() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open a TCP socket: %w", err)
	}
	defer unix.Close(fd)
	pidfd, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		return fmt.Errorf("pidfd_open: %w; the agent needs Linux 5.6 or newer", err)
	}
	defer unix.Close(pidfd)
	copied, err := unix.PidfdGetfd(pidfd, fd, 0)
	if err != nil {
		return fmt.Errorf("pidfd_getfd: %w; the agent needs Linux 5.6 or newer and CAP_SYS_PTRACE", err)
	}
	defer unix.Close(copied)
	if err := unix.SetsockoptInt(copied, unix.SOL_SOCKET, unix.SO_MARK, 1); err != nil {
		return fmt.Errorf("set SO_MARK: %w; the agent needs CAP_NET_ADMIN", err)
	}
	return nil
}

// markOne marks one socket if it listens on one of the ports.
func (m *Marked) markOne(socket int, mark uint32, ports []uint16) error {
	port, ok := listensOn(socket)
	if !ok || !slices.Contains(ports, port) {
		return nil
	}
	have, err := unix.GetsockoptInt(socket, unix.SOL_SOCKET, unix.SO_MARK)
	if err != nil {
		return err
	}
	if uint32(have) != mark { //nolint:gosec // the kernel keeps 32 bits
		if err := unix.SetsockoptInt(socket, unix.SOL_SOCKET, unix.SO_MARK, int(mark)); err != nil {
			return err
		}
		m.Wrote++
	}
	if !slices.Contains(m.Ports, port) {
		m.Ports = append(m.Ports, port)
	}
	return nil
}

// listensOn returns the port of a listening TCP socket.
func listensOn(socket int) (uint16, bool) {
	for option, want := range map[int]int{unix.SO_PROTOCOL: unix.IPPROTO_TCP, unix.SO_ACCEPTCONN: 1} {
		if got, err := unix.GetsockoptInt(socket, unix.SOL_SOCKET, option); err != nil || got != want {
			return 0, false
		}
	}
	at, err := unix.Getsockname(socket)
	if err != nil {
		return 0, false
	}
	switch at := at.(type) {
	case *unix.SockaddrInet4:
		return uint16(at.Port), true //nolint:gosec // a port
	case *unix.SockaddrInet6:
		return uint16(at.Port), true //nolint:gosec // a port
	}
	return 0, false
}

// check returns an error unless the process is in the control group, or below it.
func (o Owner) check() error {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", o.PID))
	if err != nil {
		return describe(o, "read its control group", err)
	}
	for line := range strings.Lines(string(text)) {
		if path, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "0::"); ok {
			if path == o.Cgroup || strings.HasPrefix(path, o.Cgroup+"/") {
				return nil
			}
			return fmt.Errorf("process %d is in control group %q, not in %q: %w", o.PID, path, o.Cgroup, ErrGone)
		}
	}
	return fmt.Errorf("process %d: the kernel shows no cgroup2 hierarchy", o.PID)
}

// socketsOf returns the file descriptors of a process that are sockets, ascending.
func socketsOf(pid int) ([]int, error) {
	fds, err := descriptorsOf(pid)
	return slices.DeleteFunc(fds, func(fd int) bool {
		target, err := os.Readlink(filepath.Join(descriptors(pid), strconv.Itoa(fd)))
		return err != nil || !strings.HasPrefix(target, "socket:")
	}), err
}

func descriptors(pid int) string { return fmt.Sprintf("/proc/%d/fd", pid) }

// descriptorsOf returns the file descriptors of a process, ascending.
func descriptorsOf(pid int) ([]int, error) {
	f, err := os.Open(descriptors(pid)) // below /proc
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	var fds []int
	for _, name := range names {
		if fd, err := strconv.Atoi(name); err == nil {
			fds = append(fds, fd)
		}
	}
	slices.Sort(fds)
	return fds, nil
}

// describe names the process and the step. A process that has ended is ErrGone.
func describe(o Owner, step string, err error) error {
	switch {
	case errors.Is(err, unix.ESRCH), errors.Is(err, fs.ErrNotExist):
		err = ErrGone
	case errors.Is(err, unix.EPERM):
		err = fmt.Errorf("%w; the agent needs CAP_SYS_PTRACE, and kernel.yama.ptrace_scope below 3", err)
	}
	return fmt.Errorf("process %d: %s: %w", o.PID, step, err)
}
