package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"

	"data-space.liqo.io/test/cluster/internal/cluster"
	"data-space.liqo.io/test/cluster/internal/machine"
)

// exitError is the status with which a command that ran inside the lab ended; it has said itself why.
type exitError int

func (s exitError) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// inside runs a command in the control plane's network when node is empty, and otherwise on that machine altogether.
func inside(c *cluster.Cluster, node string, args []string) error {
	name, err := c.Machine(node)
	if err != nil {
		return err
	}
	pid, err := c.Pid(name)
	if err != nil {
		return err
	}
	if err := os.Setenv("PATH", c.Dirs.Bin()+":"+os.Getenv("PATH")); err != nil {
		return err
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = c.Env()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if node != "" {
		return runUntilDone(pid, machine.Everything, cmd)
	}
	// Inside a PID namespace this would not work: the child cannot see there whether its parent lives.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return runUntilDone(pid, machine.Network, cmd)
}

// runUntilDone passes SIGTERM on; a terminal sends SIGINT to the command itself.
func runUntilDone(pid int, scope machine.Scope, cmd *exec.Cmd) error {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	done := make(chan error, 1)
	go func() { done <- machine.Run(pid, scope, cmd) }()
	for {
		select {
		case s := <-signals:
			if cmd.Process != nil {
				_ = cmd.Process.Signal(s) // it may have ended just now
			}
		case err := <-done:
			var exit *exec.ExitError
			if errors.As(err, &exit) && exit.Exited() {
				return exitError(exit.ExitCode())
			}
			if err != nil {
				return fmt.Errorf("%s: %w", strings.Join(cmd.Args, " "), err)
			}
			return nil
		}
	}
}
