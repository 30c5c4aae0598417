package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"data-space.liqo.io/pkg/values/workload"
)

// Confinement returns the confinement of a container in any state. Its capabilities are those of the runtime's configuration and
// those of its first process in the kernel: the first process may have dropped capabilities that other processes of the container
// still have. errors.Is ErrGone if the container does not exist any more.
func (c *Client) Confinement(ctx context.Context, container string) (workload.Confinement, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	answer, err := c.cri.ContainerStatus(ctx, &cri.ContainerStatusRequest{ContainerId: container, Verbose: true})
	if err != nil {
		return workload.Confinement{}, fmt.Errorf("status of container %s: %w", container, plain(err))
	}
	info, err := parseInfo(answer.GetInfo())
	if err != nil {
		return workload.Confinement{}, fmt.Errorf("status of container %s: %w", container, err)
	}
	told := workload.Confinement{
		Bounding: workload.CapabilitySet(info.RuntimeSpec.Process.Capabilities.Bounding...), Joined: joined(info),
	}
	if answer.GetStatus().GetState() != cri.ContainerState_CONTAINER_RUNNING || info.PID <= 0 || !c.host.belongs(info.PID, container) {
		return told, nil
	}
	seen, err := c.host.confinement(info.PID)
	if errors.Is(err, ErrGone) {
		return told, nil
	}
	seen.Bounding, seen.Joined = seen.Bounding|told.Bounding, told.Joined
	return seen, err
}

// joined returns the PID namespace that the container is configured to join: its path, or the node's if no path is configured.
func joined(info verboseInfo) string {
	for _, n := range info.RuntimeSpec.Linux.Namespaces {
		if n.Type == "pid" {
			return n.Path
		}
	}
	return "the node's"
}

// ConfinementOf returns the confinement of the process with this number. errors.Is ErrGone if it does not exist.
func (c *Client) ConfinementOf(pid int) (workload.Confinement, error) { return c.host.confinement(pid) }

// NodeProcesses is the inode of the node's own PID namespace, which the agent shares.
func (c *Client) NodeProcesses() (uint64, error) { return c.host.namespace("self", "pid") }

// Stop ends a container at once.
func (c *Client) Stop(ctx context.Context, container string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if _, err := c.cri.StopContainer(ctx, &cri.StopContainerRequest{ContainerId: container}); err != nil {
		return fmt.Errorf("stop container %s: %w", container, plain(err))
	}
	return nil
}

// Kill ends the first process of a container, which the runtime makes ready to start: a runtime may go on with what a plugin
// has refused (CRI-O does). errors.Is ErrGone if the number is no longer that container's.
func (c *Client) Kill(container string, pid int) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return fmt.Errorf("process %d of container %s: %w", pid, container, err)
	}
	defer unix.Close(fd)
	if _, err := c.host.process(container, pid); err != nil {
		return err
	}
	if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil {
		return fmt.Errorf("kill process %d of container %s: %w", pid, container, err)
	}
	return nil
}

// confinement reads what a process may do and where it lives (proc_pid_status(5), CapBnd; namespaces(7)).
func (h host) confinement(pid int) (workload.Confinement, error) {
	c := workload.Confinement{Process: pid}
	text, err := os.ReadFile(filepath.Join(h.proc, strconv.Itoa(pid), "status"))
	if err == nil {
		c.Bounding, err = bounding(string(text))
	}
	if err == nil {
		c.Net, err = h.namespace(strconv.Itoa(pid), "net")
	}
	if err == nil {
		c.PID, err = h.namespace(strconv.Itoa(pid), "pid")
	}
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) {
		return c, fmt.Errorf("process %d: %w", pid, ErrGone)
	}
	if err != nil {
		return c, fmt.Errorf("confinement of process %d: %w", pid, err)
	}
	return c, nil
}

func (h host) namespace(process, kind string) (uint64, error) {
	var s unix.Stat_t
	path := filepath.Join(h.proc, process, "ns", kind)
	if err := unix.Stat(path, &s); err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	return s.Ino, nil
}

func bounding(status string) (workload.Capabilities, error) {
	for line := range strings.Lines(status) {
		if digits, ok := strings.CutPrefix(line, "CapBnd:"); ok {
			set, err := strconv.ParseUint(strings.TrimSpace(digits), 16, 64)
			return workload.Capabilities(set), err
		}
	}
	return 0, errors.New("the kernel shows no bounding set (CapBnd)")
}
