package sockets

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAKernelOnWhichNoProcessMayAttachToAnotherIsNamed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ptrace_scope")
	require.NoError(t, checkYama(file), "a kernel without Yama")
	for scope, fails := range map[string]bool{"0": false, "1": false, "2": false, "3": true} {
		require.NoError(t, os.WriteFile(file, []byte(scope+"\n"), 0o600))
		err := checkYama(file)
		require.Equal(t, fails, err != nil, scope)
		if fails {
			require.ErrorContains(t, err, "set it to 2 or lower")
		}
	}
}
