package kit

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
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
func NewCgroup(tb testing.TB, nested ...string) Cgroup {
	tb.Helper()
	requireRoot(tb)
	dir, err := os.MkdirTemp(cgroup2Mount(tb), RunName()+"-")
	require.NoError(tb, err)
	outermost := Cgroup{Path: "/" + filepath.Base(dir), Dir: dir}
	tb.Cleanup(func() { outermost.remove(tb) })
	c := outermost
	for _, name := range nested {
		c = c.Child(tb, name)
	}
	return c
}

// RunName begins the names of the control groups that a run of tests makes: where the run is killed, test/isolated removes
// them by it.
func RunName() string {
	if name := os.Getenv("DATA_SPACER_TEST_RUN"); name != "" {
		return name
	}
	return "ds"
}

// Child makes a cgroup inside.
func (c Cgroup) Child(tb testing.TB, name string) Cgroup {
	tb.Helper()
	child := Cgroup{Path: c.Path + "/" + name, Dir: filepath.Join(c.Dir, name)}
	child.Make(tb)
	return child
}

// Make makes the cgroup's directory: a new cgroup, even at a path where another one was.
func (c Cgroup) Make(tb testing.TB) {
	tb.Helper()
	require.NoError(tb, os.Mkdir(c.Dir, 0o755))
	tb.Cleanup(func() { c.remove(tb) })
}

// Remove removes the cgroup, as a runtime does after its last process has ended.
func (c Cgroup) Remove(tb testing.TB) {
	tb.Helper()
	c.remove(tb)
	require.NoDirExists(tb, c.Dir)
}

func (c Cgroup) remove(tb testing.TB) {
	tb.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		err := os.Remove(c.Dir)
		if err == nil || os.IsNotExist(err) {
			return
		}
		if time.Now().After(deadline) {
			tb.Errorf("remove cgroup: %v", err)
			return
		}
	}
}

// cgroup2Mount is where the cgroup2 hierarchy is mounted: /sys/fs/cgroup, or /sys/fs/cgroup/unified beside version 1.
func cgroup2Mount(tb testing.TB) string {
	tb.Helper()
	file, err := os.Open("/proc/self/mountinfo")
	require.NoError(tb, err)
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if i := slices.Index(fields, "-"); i >= 5 && i+1 < len(fields) && fields[i+1] == "cgroup2" {
			return fields[4]
		}
	}
	require.FailNow(tb, "no cgroup2 hierarchy is mounted here: mount -t cgroup2 none /sys/fs/cgroup/unified")
	return ""
}

func requireRoot(tb testing.TB) {
	tb.Helper()
	require.Zero(tb, os.Geteuid(), "kernel tests make network namespaces and cgroups: run them as root")
}

// Command returns a command whose process starts in the cgroup.
func (c Cgroup) Command(tb testing.TB, name string, args ...string) *exec.Cmd {
	tb.Helper()
	dir, err := os.Open(c.Dir)
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = dir.Close() })
	command := exec.Command(name, args...)
	command.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(dir.Fd())}
	return command
}
