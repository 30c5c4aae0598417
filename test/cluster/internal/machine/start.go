package machine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// Verb is the hidden argument by which a program that embeds this package becomes a machine's first process (see Main).
const Verb = "machine"

// namespaces are what a machine has for itself.
const namespaces = unix.CLONE_NEWNET | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC

// Machine is a machine that this process made. It ends when this process does, unless Keep was called.
type Machine struct {
	// Pid is the machine's first process, seen from here.
	Pid     int
	orders  io.WriteCloser
	verdict io.ReadCloser
}

// Create makes a machine's namespaces: its network can now be wired up. It will hold the lock at the given path.
func Create(name, lock string) (*Machine, error) {
	cmd := exec.Command("/proc/self/exe", Verb, name, lock)
	cmd.Args[0] = "data-spacer-lab"
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: namespaces, Setsid: true}
	orders, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("machine %s: %w", name, err)
	}
	verdict, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("machine %s: %w", name, err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("machine %s: make namespaces (root and CAP_SYS_ADMIN are needed): %w", name, err)
	}
	return &Machine{Pid: cmd.Process.Pid, orders: orders, verdict: verdict}, nil
}

// Boot hands the machine its spec, and returns when it has set itself up and started its programs.
func (m *Machine) Boot(spec Spec) error {
	if err := json.NewEncoder(m.orders).Encode(spec); err != nil {
		return fmt.Errorf("machine %s: send its spec: %w", spec.Name, err)
	}
	answer, err := io.ReadAll(m.verdict)
	if err == nil && string(answer) != booted {
		err = errors.New(string(answer))
	}
	if err != nil {
		return fmt.Errorf("machine %s did not boot: %w", spec.Name, err)
	}
	return nil
}

// Keep lets the machine live on when this process ends.
func (m *Machine) Keep() error {
	if err := errors.Join(json.NewEncoder(m.orders).Encode(keep), m.orders.Close()); err != nil {
		return fmt.Errorf("machine of pid %d: let it live on: %w", m.Pid, err)
	}
	return nil
}

// Stop ends the machine that holds the lock at path, if there is one, and waits until it has gone.
func Stop(ctx context.Context, path string) error {
	pid, err := Find(path)
	if err != nil || pid == 0 {
		return err
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("machine of %s, pid %d: %w", path, pid, err)
	}
	defer unix.Close(fd)
	// Asked again now that the pid cannot be another process's any more.
	if again, err := Find(path); err != nil || again != pid {
		return err
	}
	if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("kill machine of %s, pid %d: %w", path, pid, err)
	}
	return waitGone(ctx, fd, path)
}

// waitGone waits until the process of a pidfd has ended; a first process ends after all others of its machine.
func waitGone(ctx context.Context, fd int, path string) error {
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 200) //nolint:gosec // G115: a descriptor is small
		if n > 0 {
			return nil
		}
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("wait for machine of %s: %w", path, err)
		}
		if ctx.Err() != nil {
			return fmt.Errorf("machine of %s does not end: %w", path, ctx.Err())
		}
	}
}
