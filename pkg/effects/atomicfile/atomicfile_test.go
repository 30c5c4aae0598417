package atomicfile_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/effects/atomicfile"
)

func TestWriteReplacesContentAndMode(t *testing.T) {
	file := filepath.Join(t.TempDir(), "list.json")
	for _, c := range []struct {
		content string
		mode    os.FileMode
	}{{"first", 0o600}, {"second, longer", 0o644}, {"", 0o600}} {
		require.NoError(t, atomicfile.Write(file, []byte(c.content), c.mode))
		have, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, c.content, string(have))
		info, err := os.Stat(file)
		require.NoError(t, err)
		require.Equal(t, c.mode, info.Mode())
	}
	requireOnly(t, filepath.Dir(file), "list.json")
}

func TestAFailedCopyLeavesTheFileAsBefore(t *testing.T) {
	file := filepath.Join(t.TempDir(), "list.json")
	require.NoError(t, atomicfile.Write(file, []byte("before"), 0o600))
	broken := io.MultiReader(strings.NewReader("half"), iotest.ErrReader(errors.New("the source ends")))
	require.ErrorContains(t, atomicfile.Copy(file, broken, 0o600), "the source ends")
	have, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "before", string(have))
	requireOnly(t, filepath.Dir(file), "list.json")
}

func TestAFolderInTheWayIsAnErrorAndStays(t *testing.T) {
	file := filepath.Join(t.TempDir(), "list.json")
	require.NoError(t, os.Mkdir(file, 0o700))
	require.Error(t, atomicfile.Write(file, []byte("x"), 0o600))
	requireOnly(t, filepath.Dir(file), "list.json")
}

func TestAMissingFolderIsAnError(t *testing.T) {
	require.ErrorIs(t, atomicfile.Write(filepath.Join(t.TempDir(), "gone", "list.json"), nil, 0o600), os.ErrNotExist)
}

func requireOnly(t *testing.T, folder, name string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Len(t, entries, 1)
	require.Equal(t, name, entries[0].Name())
}
