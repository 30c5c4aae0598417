package vm

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestModulesComeAfterWhatTheyNeed(t *testing.T) {
	tree := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(tree, "modules.dep"), []byte("a/9p.ko: a/9pnet.ko a/net-fs.ko\na/9pnet.ko:\na/net-fs.ko: a/9pnet.ko\n"), 0o600))
	require.NoError(t, os.Mkdir(filepath.Join(tree, "a"), 0o700))
	for _, name := range []string{"9p", "9pnet", "net-fs"} {
		require.NoError(t, os.WriteFile(filepath.Join(tree, "a", name+".ko"), []byte(name), 0o600))
	}
	all, err := modules(tree, []string{"9p", "net_fs", "built_in"})
	require.NoError(t, err)
	var order []string
	for _, m := range all {
		order = append(order, m.name)
	}
	require.Equal(t, []string{"9pnet", "net_fs", "9p"}, order)
}

func TestTheArchiveIsAligned(t *testing.T) {
	var a archive
	a.add("init", executable, []byte("12345"))
	require.Zero(t, a.Len()%4)
	a.end()
	require.Zero(t, a.Len()%4)
	require.Equal(t, "07070100000001000081ed", a.String()[:22])
}

// The lines are of Linux 6.12, under qemu 7.2.
func TestAKernelThatEndedByItsOwnBreakpointIsBroken(t *testing.T) {
	require.True(t, broken([]byte("[    1.642984] Oops: int3: 0000 [#2] PREEMPT SMP NOPTI\n[    1.643096] RIP: 0010:sched_clock_cpu+0x9/0x1d0\n")))
	require.False(t, broken([]byte("[    1.642984] Oops: general protection fault: 0000 [#1] PREEMPT SMP NOPTI\n")))
	require.False(t, broken(nil))
}
