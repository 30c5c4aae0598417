package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"data-space.liqo.io/pkg/values/workload"
)

const procfs = "/proc"

// onNode is a path as the node's first process sees it.
func onNode(name string) string { return host{proc: procfs}.onNode(name) }

// host reads the node's /proc: the agent shares the host's PID namespace.
type host struct {
	proc    string
	unified []string // where whole cgroup2 hierarchies are to be found
}

// newHost finds the cgroup2 hierarchy once: a node's mounts are as many as its containers, and reading them takes
// milliseconds, which a pod's start would wait for.
func newHost(proc string) host {
	h := host{proc: proc}
	for _, view := range []string{"self", "1"} {
		mounts, err := os.ReadFile(filepath.Join(proc, view, "mountinfo")) //nolint:gosec // below /proc
		if err != nil {
			continue
		}
		if point, ok := cgroup2Mount(string(mounts)); ok {
			h.unified = append(h.unified, filepath.Join(proc, view, "root", point))
		}
	}
	return h
}

// netns returns a path that opens the sandbox's network namespace. Three ways lead to it, in this order:
//   - the runtime's own pin (a bind mount such as /run/netns/cni-…), which no process of the pod can change;
//   - the same in the mount namespace of the node's first process, for an agent that does not see the mount;
//   - the sandbox's first process, for a runtime that names no path.
func (h host) netns(sandbox, pin string, pid int) (string, error) {
	var ways []string
	if pin != "" {
		ways = append(ways, pin, h.onNode(pin))
	}
	if way := filepath.Join(h.proc, strconv.Itoa(pid), "ns/net"); pid > 0 && h.belongs(pid, sandbox) {
		ways = append(ways, way)
	}
	for _, way := range ways {
		if isNamespace(way) {
			return way, nil
		}
	}
	return "", fmt.Errorf("no network namespace of sandbox %s can be opened (tried %s): %w", sandbox, strings.Join(ways, ", "), ErrGone)
}

// onNode is a path as the node's first process sees it. /var/run is a symlink to /run, and an absolute one does not lead
// into the node's file system from here.
func (h host) onNode(name string) string {
	name = path.Clean(name)
	if rest, ok := strings.CutPrefix(name, "/var/run/"); ok {
		name = "/run/" + rest
	}
	return filepath.Join(h.proc, "1/root", name)
}

// isNamespace distinguishes a namespace from the empty file that remains where a bind mount is not visible.
func isNamespace(path string) bool {
	var s unix.Statfs_t
	return unix.Statfs(path, &s) == nil && s.Type == unix.NSFS_MAGIC
}

// process reads the control group of a container's first process, and makes sure that the number still is that process:
// the path has the container's id in it, in every runtime and with either cgroup driver.
func (h host) process(container string, pid int) (workload.Process, error) {
	cgroup, err := h.cgroup(pid)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) {
		return workload.Process{}, fmt.Errorf("process %d of container %s: %w", pid, container, ErrGone)
	}
	if err != nil {
		return workload.Process{}, fmt.Errorf("process %d of container %s: %w", pid, container, err)
	}
	if strings.HasPrefix(cgroup, "/..") {
		return workload.Process{}, fmt.Errorf("process %d of container %s is in control group %q as seen from here: the agent runs in a "+
			"cgroup namespace of its own and cannot name it; run it privileged, or with the host's cgroup namespace", pid, container, cgroup)
	}
	cgroup, ok := upTo(cgroup, container)
	if !ok {
		return workload.Process{}, fmt.Errorf("process %d is in control group %q, which is not container %s's: %w", pid, cgroup, container, ErrGone)
	}
	return workload.Process{PID: pid, Cgroup: cgroup, CgroupInode: h.cgroupInode(cgroup)}, nil
}

// upTo cuts the path behind the component that has the id in it: a runtime may put processes one level below the
// container's control group (crun does), and a match on that one covers what is below.
func upTo(cgroup, id string) (string, bool) {
	at := strings.Index(cgroup, id)
	if at < 0 || id == "" {
		return cgroup, false
	}
	if end := strings.IndexByte(cgroup[at:], '/'); end >= 0 {
		return cgroup[:at+end], true
	}
	return cgroup, true
}

// belongs reports whether the process is in one of the sandbox's control groups, in any hierarchy.
func (h host) belongs(pid int, sandbox string) bool {
	text, err := os.ReadFile(filepath.Join(h.proc, strconv.Itoa(pid), "cgroup"))
	return err == nil && strings.Contains(string(text), sandbox)
}

// cgroup is the process's path in the cgroup2 hierarchy (cgroups(7): the line of hierarchy 0).
func (h host) cgroup(pid int) (string, error) {
	text, err := os.ReadFile(filepath.Join(h.proc, strconv.Itoa(pid), "cgroup"))
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(text)) {
		if p, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "0::"); ok {
			return strings.TrimSuffix(p, " (deleted)"), nil
		}
	}
	return "", errors.New("the kernel shows no cgroup2 hierarchy (no \"0::\" line); it is needed to tell the proxy's sockets apart")
}

// cgroupInode looks the control group up where cgroup2 is mounted, here or for the node's first process; 0 if nowhere.
func (h host) cgroupInode(cgroup string) uint64 {
	for _, root := range h.unified {
		var s unix.Stat_t
		if unix.Stat(filepath.Join(root, cgroup), &s) == nil {
			return s.Ino
		}
	}
	return 0
}

// cgroup2Mount finds where a whole cgroup2 hierarchy is mounted (proc_pid_mountinfo(5): after " - " the file system's
// type; the fourth field is the mount's root).
func cgroup2Mount(mountinfo string) (string, bool) {
	for line := range strings.Lines(mountinfo) {
		left, right, ok := strings.Cut(line, " - ")
		fields := strings.Fields(left)
		if ok && strings.HasPrefix(right, "cgroup2 ") && len(fields) > 4 && fields[3] == "/" {
			return fields[4], true
		}
	}
	return "", false
}
