package memcg

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/proxymemory"
)

// The files are as the kernel writes them (Linux 6.12). What it does by them is tested on real kernels (test/kernels).
func TestTheFilesOfAControlGroupAreRead(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	write("memory.current", "166039552\n")
	write("memory.max", "268435456\n")
	write("memory.stat", "anon 49819648\nfile 71077888\nkernel 6664192\nsock 36864000\nfile_mapped 28168192\n")
	write("memory.high", "max\n")
	current, err := os.Open(filepath.Join(dir, "memory.current"))
	require.NoError(t, err)
	g := &Group{dir: dir, current: current}
	u, err := g.Usage()
	require.NoError(t, err)
	require.Equal(t, proxymemory.Usage{Limit: 256 << 20, Now: 166039552, File: 71077888, Sockets: 36864000}, u)
	require.NoError(t, g.Slow(234881024))
	text, err := os.ReadFile(filepath.Join(dir, "memory.high"))
	require.NoError(t, err)
	require.Equal(t, "234881024", string(text))

	write("memory.max", "max\n")
	limit, err := g.Limit()
	require.NoError(t, err)
	require.Zero(t, limit)
	write("memory.stat", "sock many\n")
	_, err = g.Usage()
	require.Error(t, err)
	require.NoError(t, g.Close())
	_, err = g.Now()
	require.Error(t, err)
}

func TestWithoutCgroup2sControllerThereIsNoGroup(t *testing.T) {
	require.Nil(t, Open("/no/such/group"))
}
