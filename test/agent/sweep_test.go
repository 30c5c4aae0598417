//go:build kernel || api || bench

package agent_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// sweep removes a node's folder and all that a test which failed halfway may have left: shims and containers, mounts and
// control groups. All of them bear the folder's name, which no other has.
func sweep(t *testing.T, dir string) {
	t.Helper()
	require.Eventually(t, func() bool { return killed(dir) == 0 }, 30*time.Second, 20*time.Millisecond, "processes of %s do not end", dir)
	for _, point := range mountsBelow(t, dir) {
		require.NoError(t, unix.Unmount(point, unix.MNT_DETACH), point)
	}
	require.Eventually(t, func() bool { return removeCgroups(filepath.Base(dir)) }, 30*time.Second, 20*time.Millisecond)
	require.NoError(t, os.RemoveAll(dir))
}

// killed kills the processes that have the folder in their command line or control group, and says how many it found.
func killed(dir string) int {
	found := 0
	procs, _ := filepath.Glob("/proc/[0-9]*")
	for _, p := range procs {
		pid, err := strconv.Atoi(filepath.Base(p))
		if err != nil || pid == os.Getpid() {
			continue
		}
		command, _ := os.ReadFile(p + "/cmdline")
		groups, _ := os.ReadFile(p + "/cgroup")
		if bytes.Contains(command, []byte(dir+"/")) || bytes.Contains(groups, []byte("/"+filepath.Base(dir)+"/")) {
			found++
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	}
	return found
}

func mountsBelow(t *testing.T, dir string) []string {
	t.Helper()
	text, err := os.ReadFile("/proc/self/mountinfo")
	require.NoError(t, err)
	var points []string
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) > 4 && strings.HasPrefix(fields[4], dir+"/") {
			points = append(points, fields[4])
		}
	}
	slices.Sort(points)
	slices.Reverse(points)
	return points
}

// removeCgroups removes the pods' common control group from every hierarchy, deepest first, and says whether all are gone.
func removeCgroups(name string) bool {
	gone := true
	roots, _ := filepath.Glob("/sys/fs/cgroup/*/" + name)
	if _, err := os.Stat("/sys/fs/cgroup/" + name); err == nil {
		roots = append(roots, "/sys/fs/cgroup/"+name)
	}
	for _, root := range roots {
		var dirs []string
		_ = filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				dirs = append(dirs, path)
			}
			return nil
		})
		slices.Reverse(dirs)
		for _, d := range dirs {
			gone = (os.Remove(d) == nil) && gone
		}
	}
	return gone
}
