package auditlog_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/effects/auditlog"
)

// written writes lines to a log of files of 100 bytes, of which two are kept, and ends it.
func written(t *testing.T, path string, lines ...string) *auditlog.Log {
	t.Helper()
	l, err := auditlog.Open(path, 100, 2)
	require.NoError(t, err)
	for _, line := range lines {
		l.Write([]byte(line + "\n"))
	}
	done := make(chan struct{})
	close(done)
	require.NoError(t, l.Run(done, func(err error) { t.Error(err) }))
	return l
}

func TestAFullFileIsFollowedByAnotherAndTheOldestGoes(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "audit")
	var lines []string
	for i := range 20 {
		lines = append(lines, fmt.Sprintf("line %d of about thirty bytes.....", i))
	}
	require.Zero(t, written(t, path, lines[:15]...).Lost())
	written(t, path, lines[15:]...) // of a program that starts again
	var all []byte
	for _, name := range []string{"audit.2", "audit.1", "audit"} {
		text, err := os.ReadFile(filepath.Join(folder, name))
		require.NoError(t, err)
		require.LessOrEqual(t, len(text), 100)
		all = append(all, text...)
	}
	require.True(t, bytes.HasSuffix(all, []byte(lines[18]+"\n"+lines[19]+"\n")), "%s", all)
	files, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Len(t, files, 3)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())
}

func TestWhoWritesDoesNotWaitAndWhatIsLostIsCounted(t *testing.T) {
	l, err := auditlog.Open(filepath.Join(t.TempDir(), "audit"), 1<<20, 0)
	require.NoError(t, err)
	for range 10_000 { // no one takes them
		l.Write([]byte("x\n"))
	}
	require.EqualValues(t, 10_000-4096, l.Lost())
}

func TestALogThatCannotBeWrittenIsReportedOnceAndBegunAgain(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "folder")
	require.NoError(t, os.Mkdir(folder, 0o700))
	path := filepath.Join(folder, "audit")
	l, err := auditlog.Open(path, 10, 1)
	require.NoError(t, err)
	require.NoError(t, os.RemoveAll(folder)) // then no other file can begin
	l.Write([]byte("first line\n"))
	l.Write([]byte("second line\n"))
	l.Write([]byte("third line\n"))
	failures := 0
	done := make(chan struct{})
	close(done)
	require.NoError(t, l.Run(done, func(error) { failures++ }))
	require.Equal(t, 1, failures)
	require.EqualValues(t, 2, l.Lost())
	_, err = auditlog.Open(path, 10, 1)
	require.ErrorContains(t, err, "name a file in a folder that is there")
	none, err := auditlog.Open("", 0, 0)
	require.NoError(t, err)
	none.Write([]byte("x"))
	require.Zero(t, none.Lost())
}
