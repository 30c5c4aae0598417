package atomicfile_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

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

func TestDraftsOfKilledWritersAreRemoved(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "list.json")
	leave := func(name string, age time.Duration) string {
		path := filepath.Join(folder, name)
		require.NoError(t, os.WriteFile(path, nil, 0o600))
		require.NoError(t, os.Chtimes(path, time.Time{}, time.Now().Add(-age)))
		return path
	}
	killed := leave(".list.json.123.tmp", time.Minute)
	kept := []string{
		leave(".list.json.124.tmp", 0), // of a writer that lives
		leave(".other.json.123.tmp", time.Minute), leave("list.json.123.tmp", time.Minute), leave(".list.json.orig", time.Minute),
	}
	require.NoError(t, atomicfile.Write(file, nil, 0o600))
	require.NoFileExists(t, killed)
	for _, path := range append(kept, file) {
		require.FileExists(t, path)
	}

	t.Run("all of a folder that only the caller writes to", func(t *testing.T) {
		require.NoError(t, atomicfile.Collect(folder))
		for i, path := range kept {
			require.Equal(t, i > 1, exists(path), path)
		}
		require.FileExists(t, file)
	})
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func requireOnly(t *testing.T, folder, name string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Len(t, entries, 1)
	require.Equal(t, name, entries[0].Name())
}
