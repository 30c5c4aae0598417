package podcapture

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// CgroupRoot finds where the cgroup2 hierarchy is mounted (proc_pid_mountinfo(5)): at /sys/fs/cgroup, or below it on a
// machine that also has the older hierarchies.
func CgroupRoot() (string, error) {
	const table = "/proc/self/mountinfo"
	text, err := os.ReadFile(table)
	if err != nil {
		return "", fmt.Errorf("find the cgroup2 hierarchy: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		mount, kind, split := strings.Cut(line, " - ")
		fields := strings.Fields(mount)
		if split && strings.HasPrefix(kind, "cgroup2 ") && len(fields) > 4 {
			return fields[4], nil
		}
	}
	return "", fmt.Errorf("find the cgroup2 hierarchy: %s lists none", table)
}

// ProcessOwner says by which uid and cgroup the kernel knows the sockets of a process.
func ProcessOwner(cgroupRoot string, pid int) (Owner, error) {
	process := filepath.Join("/proc", fmt.Sprint(pid))
	text, err := os.ReadFile(filepath.Join(process, "cgroup"))
	if err != nil {
		return Owner{}, fmt.Errorf("the cgroup of process %d: %w", pid, err)
	}
	for line := range strings.Lines(string(text)) {
		path, found := strings.CutPrefix(strings.TrimSpace(line), "0::")
		if !found {
			continue
		}
		group, err := stat(filepath.Join(cgroupRoot, path))
		if err != nil {
			return Owner{}, fmt.Errorf("the cgroup of process %d: %w", pid, err)
		}
		uid, err := effectiveUID(process)
		return Owner{UID: uid, Cgroup: group.Ino}, err
	}
	return Owner{}, fmt.Errorf("the cgroup of process %d: it is in no cgroup2 hierarchy", pid)
}

func effectiveUID(process string) (uint32, error) {
	text, err := os.ReadFile(filepath.Join(process, "status"))
	if err != nil {
		return 0, fmt.Errorf("the user of a process: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) == 5 && fields[0] == "Uid:" {
			uid, err := strconv.ParseUint(fields[2], 10, 32)
			return uint32(uid), err
		}
	}
	return 0, fmt.Errorf("the user of a process: %s/status names none", process)
}

func stat(path string) (*syscall.Stat_t, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	system, isUnix := info.Sys().(*syscall.Stat_t)
	if !isUnix {
		return nil, fmt.Errorf("%s has no inode", path)
	}
	return system, nil
}
