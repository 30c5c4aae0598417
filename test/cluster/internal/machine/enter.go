package machine

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"

	"golang.org/x/sys/unix"
)

// Scope says how much of a machine a command sees.
type Scope int

const (
	// Network is the machine's network; files and processes stay those of the caller.
	Network Scope = iota
	// Everything is the machine's network, processes, files, host name and IPC.
	Everything
)

// namespacesOf are the namespace files to enter, mounts last: after it /proc is the machine's.
func namespacesOf(s Scope) []string {
	if s == Network {
		return []string{"net"}
	}
	return []string{"net", "pid", "uts", "ipc", "mnt"}
}

// Run starts cmd inside the machine whose first process is pid and waits for it, in the caller's working directory.
// The error is that of exec.Cmd.Run. A bare program name is looked up in the PATH as it is inside.
func Run(pid int, scope Scope, cmd *exec.Cmd) error {
	wd, err := os.Getwd()
	if err != nil {
		return fmt.Errorf("working directory: %w", err)
	}
	if cmd.Dir == "" {
		cmd.Dir = wd
	}
	done := make(chan error, 1)
	go func() {
		// The thread is never unlocked: it ends with this goroutine, and no other work runs in the machine by accident.
		runtime.LockOSThread()
		if err := enter(pid, scope); err != nil {
			done <- err
			return
		}
		done <- cmd.Run()
	}()
	return <-done
}

// enter moves the calling thread, which must be locked, into the namespaces of pid.
func enter(pid int, scope Scope) error {
	var files []*os.File
	defer func() {
		for _, f := range files {
			_ = f.Close()
		}
	}()
	for _, name := range namespacesOf(scope) {
		f, err := os.Open(fmt.Sprintf("/proc/%d/ns/%s", pid, name))
		if err != nil {
			return fmt.Errorf("enter the machine of pid %d: %w", pid, err)
		}
		files = append(files, f)
	}
	// setns(2): a thread that shares its root and working directory with others may not change its mounts.
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return fmt.Errorf("enter the machine of pid %d: %w", pid, err)
	}
	for _, f := range files {
		if err := unix.Setns(int(f.Fd()), 0); err != nil {
			return fmt.Errorf("enter %s: %w", f.Name(), err)
		}
	}
	return nil
}
