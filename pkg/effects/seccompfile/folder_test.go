package seccompfile_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/effects/seccompfile"
)

const name = "data-spacer/sockets-1.json"

func TestAProfileIsThereUntilTheNodeBoots(t *testing.T) {
	kubelet, run := t.TempDir(), filepath.Join(t.TempDir(), "run", "seccomp")
	folder, err := seccompfile.Open(kubelet, run)
	require.NoError(t, err)
	put := func(name, text string) bool {
		changed, err := folder.Put(name, []byte(text))
		require.NoError(t, err)
		return changed
	}
	seen := filepath.Join(kubelet, "seccomp", name)
	require.True(t, put(name, "one"))
	text, err := os.ReadFile(seen)
	require.NoError(t, err)
	require.Equal(t, "one", string(text))
	require.False(t, put(name, "one"), "it is there")

	require.NoError(t, os.WriteFile(seen, []byte("loose"), 0o600))
	require.True(t, put(name, "one"), "what others changed comes back")
	require.NoError(t, os.Remove(seen))
	require.NoError(t, os.WriteFile(seen, []byte("another file"), 0o600))
	require.True(t, put(name, "one"))
	require.True(t, put("data-spacer/sockets-2.json", "two"), "an upgrade")
	require.FileExists(t, seen, "pods of before may name it")

	require.NoError(t, os.RemoveAll(run)) // a boot
	_, err = os.ReadFile(seen)
	require.ErrorIs(t, err, os.ErrNotExist, "no container starts before the agent")
	require.True(t, put("data-spacer/sockets-2.json", "two"))
	_, err = os.Lstat(seen)
	require.ErrorIs(t, err, os.ErrNotExist, "no pod of before the boot is left")

	require.NoError(t, os.WriteFile(filepath.Join(kubelet, "seccomp", "others.json"), nil, 0o600))
	require.NoError(t, folder.Remove("data-spacer"))
	require.NoDirExists(t, filepath.Dir(seen))
	require.NoDirExists(t, run)
	require.FileExists(t, filepath.Join(kubelet, "seccomp", "others.json"))
}

func TestAKubeletElsewhereIsAnError(t *testing.T) {
	_, err := seccompfile.Open(filepath.Join(t.TempDir(), "kubelet"), "/run/x")
	require.ErrorIs(t, err, seccompfile.ErrNoKubelet)
	require.ErrorContains(t, err, "/var/snap/microk8s/common/var/lib/kubelet")
}
