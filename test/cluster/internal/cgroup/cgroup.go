// Package cgroup makes and removes a cgroup in every hierarchy that the machine has mounted: version 1, version 2 or both. A
// second kubelet on one kernel needs a root of its own there.
package cgroup

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// hierarchy is one mounted cgroup tree.
type hierarchy struct {
	path string
	// v2 is the unified tree; in the others, controllers names those of the tree.
	v2          bool
	controllers []string
}

// hierarchies reads mountinfo (proc_pid_mountinfo(5)).
func hierarchies(mountinfo io.Reader) ([]hierarchy, error) {
	var found []hierarchy
	lines := bufio.NewScanner(mountinfo)
	for lines.Scan() {
		before, after, ok := strings.Cut(lines.Text(), " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if !ok || len(left) < 5 || len(right) < 3 || !strings.HasPrefix(left[4], "/sys/fs/cgroup") {
			continue
		}
		switch right[0] {
		case "cgroup2":
			found = append(found, hierarchy{path: left[4], v2: true})
		case "cgroup":
			found = append(found, hierarchy{path: left[4], controllers: strings.Split(right[2], ",")})
		}
	}
	return found, lines.Err()
}

func mounted() ([]hierarchy, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("find cgroup mounts: %w", err)
	}
	defer f.Close()
	found, err := hierarchies(f)
	if err != nil {
		return nil, fmt.Errorf("find cgroup mounts: %w", err)
	}
	if len(found) == 0 {
		return nil, errors.New("no cgroup hierarchy is mounted under /sys/fs/cgroup: the kubelet needs one")
	}
	return found, nil
}

// Make makes the cgroup in every hierarchy, ready to have children.
func Make(name string) error {
	found, err := mounted()
	if err != nil {
		return err
	}
	for _, h := range found {
		dir := filepath.Join(h.path, name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("make cgroup: %w", err)
		}
		switch {
		case h.v2:
			err = delegate(h.path, dir)
		case slices.Contains(h.controllers, "cpuset"):
			err = inheritCPUs(h.path, dir)
		}
		if err != nil {
			return fmt.Errorf("prepare cgroup %s: %w", dir, err)
		}
	}
	return nil
}

// delegate lets the children of dir use every controller (cgroups(7), cgroup.subtree_control).
func delegate(root, dir string) error {
	text, err := os.ReadFile(filepath.Join(root, "cgroup.controllers"))
	if err != nil {
		return err
	}
	for _, controller := range strings.Fields(string(text)) {
		for _, d := range []string{root, dir} {
			if err := os.WriteFile(filepath.Join(d, "cgroup.subtree_control"), []byte("+"+controller), 0); err != nil {
				return fmt.Errorf("enable controller %s in %s: %w", controller, d, err)
			}
		}
	}
	return nil
}

// inheritCPUs copies what a version 1 cpuset does not inherit by itself.
func inheritCPUs(root, dir string) error {
	for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
		value, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, file), value, 0); err != nil {
			return err
		}
	}
	return nil
}

// Remove removes the cgroup and all below it in every hierarchy. Processes that were just killed keep theirs for a
// moment, so it tries until ctx ends.
func Remove(ctx context.Context, name string) error {
	found, err := mounted()
	if err != nil {
		return err
	}
	for _, h := range found {
		dir := filepath.Join(h.path, name)
		for {
			err := removeTree(dir)
			if err == nil {
				break
			}
			if ctx.Err() != nil {
				return fmt.Errorf("remove cgroup: %w", err)
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	return nil
}

// removeTree removes a cgroup and its children, deepest first. Its files are the kernel's and go with it.
func removeTree(dir string) error {
	var dirs []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			dirs = append(dirs, path)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	slices.Reverse(dirs)
	for _, d := range dirs {
		if e := os.Remove(d); e != nil && !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	return err
}
