package recorder_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/record"
	"data-space.liqo.io/pkg/programs/recorder"
)

// firstWrite calls then when it is first written to.
type firstWrite struct {
	bytes.Buffer
	then func()
}

func (f *firstWrite) Write(text []byte) (int, error) {
	if f.then != nil {
		f.then()
		f.then = nil
	}
	return f.Buffer.Write(text)
}

// The rows of a long record are printed while it is read, so that they need no memory: a line that is appended when the first row is
// printed is printed as well.
func TestALongRecordIsPrintedWhileItIsRead(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "g")
	require.NoError(t, os.MkdirAll(folder, 0o750))
	line, err := record.Line(record.Source{Guest: "g", Pod: "p"}, record.Position{}, record.Piece{Content: bytes.Repeat([]byte("x"), 1000)}, 0).Encode()
	require.NoError(t, err)
	late, err := record.Line(record.Source{Guest: "g", Pod: "p"}, record.Position{}, record.Piece{Content: []byte("late")}, 0).Encode()
	require.NoError(t, err)
	segment := filepath.Join(folder, "00000000000000000001.jsonl")
	require.NoError(t, os.WriteFile(segment, bytes.Repeat(line, 5000), 0o600))

	out := &firstWrite{then: func() {
		file, err := os.OpenFile(segment, os.O_APPEND|os.O_WRONLY, 0)
		require.NoError(t, err)
		_, err = file.Write(late)
		require.NoError(t, err)
		require.NoError(t, file.Close())
	}}
	require.NoError(t, recorder.Print(out, filepath.Dir(folder), recorder.Query{}))
	require.True(t, bytes.Contains(out.Bytes(), []byte(" late ")))
}
