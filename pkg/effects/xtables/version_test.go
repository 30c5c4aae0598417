package xtables_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/effects/xtables"
)

// programs puts a program into the path that prints the line, as old iptables programs do.
func programs(t *testing.T, line string) {
	t.Helper()
	folder := t.TempDir()
	for _, name := range []string{"iptables-nft", "iptables-legacy"} {
		script := "#!/bin/sh\necho '" + line + "'\n"
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(script), 0o700))
	}
	t.Setenv("PATH", folder)
}

func TestVersion(t *testing.T) {
	programs(t, "iptables v1.8.11 (nf_tables)")
	version, err := xtables.VersionOf(xtables.NFT)
	require.NoError(t, err)
	require.Equal(t, "1.8.11", version)
	t.Run("programs before 1.8 are an error", func(t *testing.T) {
		programs(t, "iptables v1.6.2")
		_, err := xtables.VersionOf(xtables.Legacy)
		require.ErrorContains(t, err, "iptables-legacy is of version 1.6.2: install iptables 1.8 or newer")
		_, _, err = xtables.Detect()
		require.ErrorContains(t, err, "neither iptables backend works on this node")
	})
	t.Run("programs that are not there are an error", func(t *testing.T) {
		t.Setenv("PATH", t.TempDir())
		_, err := xtables.VersionOf(xtables.NFT)
		require.ErrorContains(t, err, "iptables-nft is not installed here")
	})
}
