package cgroup

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHierarchiesAreReadFromMountinfo(t *testing.T) {
	const text = `22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 25 0:25 / /sys/fs/cgroup rw,relatime - tmpfs none rw,mode=755
31 30 0:26 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup none rw,cpu,cpuacct
32 30 0:27 / /sys/fs/cgroup/cpuset rw - cgroup none rw,cpuset
33 30 0:28 / /sys/fs/cgroup/unified rw - cgroup2 none rw
34 30 0:29 / /var/lib/other/cgroup rw - cgroup none rw,cpu
`
	found, err := hierarchies(strings.NewReader(text))
	require.NoError(t, err)
	require.Equal(t, []hierarchy{
		{path: "/sys/fs/cgroup/cpu,cpuacct", controllers: []string{"rw", "cpu", "cpuacct"}},
		{path: "/sys/fs/cgroup/cpuset", controllers: []string{"rw", "cpuset"}},
		{path: "/sys/fs/cgroup/unified", v2: true},
	}, found)
}

func TestDelegationEnablesEveryControllerInTheRootAndTheChild(t *testing.T) {
	root := t.TempDir()
	child := filepath.Join(root, "node")
	require.NoError(t, os.Mkdir(child, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(root, "cgroup.controllers"), []byte("pids\n"), 0o644))
	for _, dir := range []string{root, child} { // as in the kernel, the files are there
		require.NoError(t, os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), nil, 0o644))
	}
	require.NoError(t, delegate(root, child))
	for _, dir := range []string{root, child} {
		text, err := os.ReadFile(filepath.Join(dir, "cgroup.subtree_control"))
		require.NoError(t, err)
		require.Equal(t, "+pids", string(text))
	}
}

func TestATreeIsRemovedDeepestFirstAndMayBeGoneAlready(t *testing.T) {
	root := filepath.Join(t.TempDir(), "node")
	require.NoError(t, os.MkdirAll(filepath.Join(root, "kubepods", "pod"), 0o755))
	require.NoError(t, removeTree(root))
	require.NoDirExists(t, root)
	require.NoError(t, removeTree(root))
}

func TestATreeThatIsInUseIsAnError(t *testing.T) {
	root := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(root, "busy"), nil, 0o644))
	require.ErrorContains(t, removeTree(root), "not empty")
}
