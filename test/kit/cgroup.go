package kit

import (
	"bufio"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Cgroup is a real cgroup of the cgroup2 hierarchy.
type Cgroup struct {
	Path string // as /proc/PID/cgroup shows it
	Dir  string // where it is mounted
}

// NewCgroup makes a cgroup of a fresh name, and in it the nested ones that are named. It returns the innermost.
func NewCgroup(t testing.TB, nested ...string) Cgroup {
	t.Helper()
	requireRoot(t)
	dir, err := os.MkdirTemp(cgroup2Mount(t), "data-spacer-test-*")
	require.NoError(t, err)
	outermost := Cgroup{Path: "/" + filepath.Base(dir), Dir: dir}
	t.Cleanup(func() { outermost.remove(t) })
	c := outermost
	for _, name := range nested {
		c = c.Child(t, name)
	}
	return c
}

// Child makes a cgroup inside.
func (c Cgroup) Child(t testing.TB, name string) Cgroup {
	t.Helper()
	child := Cgroup{Path: c.Path + "/" + name, Dir: filepath.Join(c.Dir, name)}
	child.Make(t)
	return child
}

// Make makes the cgroup's directory: a new cgroup, even at a path where another one was.
func (c Cgroup) Make(t testing.TB) {
	t.Helper()
	require.NoError(t, os.Mkdir(c.Dir, 0o755))
	t.Cleanup(func() { c.remove(t) })
}

// Remove removes the cgroup, as a runtime does after its last process has ended.
func (c Cgroup) Remove(t testing.TB) {
	t.Helper()
	c.remove(t)
	require.NoDirExists(t, c.Dir)
}

func (c Cgroup) remove(t testing.TB) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		err := os.Remove(c.Dir)
		if err == nil || os.IsNotExist(err) {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("remove cgroup: %v", err)
			return
		}
	}
}

// cgroup2Mount is where the cgroup2 hierarchy is mounted: /sys/fs/cgroup, or /sys/fs/cgroup/unified beside version 1.
func cgroup2Mount(t testing.TB) string {
	t.Helper()
	file, err := os.Open("/proc/self/mountinfo")
	require.NoError(t, err)
	defer file.Close() //nolint:errcheck // read-only file
	for lines := bufio.NewScanner(file); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if i := slices.Index(fields, "-"); i >= 5 && i+1 < len(fields) && fields[i+1] == "cgroup2" {
			return fields[4]
		}
	}
	require.FailNow(t, "no cgroup2 hierarchy is mounted here: mount -t cgroup2 none /sys/fs/cgroup/unified")
	return ""
}

func requireRoot(t testing.TB) {
	t.Helper()
	require.Zero(t, os.Geteuid(), "kernel tests make network namespaces and cgroups: run them as root")
}
