package recorder_test

import (
	"bufio"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/record"
	"data-space.liqo.io/pkg/programs/recorder"
	"data-space.liqo.io/pkg/values/agentapi"
)

// served returns a node with two entries in the record of one pod, and a server of that record.
func served(t *testing.T) (*node, record.Source, *recorder.Recorder, *httptest.Server) {
	t.Helper()
	n := newNode(t)
	s := n.source("pharma", "study")
	r := n.start()
	n.write(s, 0, 2)
	n.poll(r, 1)
	server := httptest.NewServer(recorder.Handler(n.folder))
	t.Cleanup(server.Close)
	return n, s, r, server
}

func TestAFollowerReadsEachEntryOnce(t *testing.T) {
	n, s, r, server := served(t)
	answer, err := http.Get(server.URL + "?" + agentapi.RequestQuery{JSON: true, Follow: true}.Values().Encode())
	require.NoError(t, err)
	t.Cleanup(func() { _ = answer.Body.Close() })
	lines := bufio.NewScanner(answer.Body)
	next := func() {
		require.True(t, lines.Scan())
		for lines.Text() == "" { // a sign of life
			require.True(t, lines.Scan())
		}
	}
	for _, path := range []string{"/0", "/1"} {
		next()
		require.Contains(t, lines.Text(), `"`+path+`"`)
	}
	n.write(s, 2, 3)
	n.poll(r, 1)
	next()
	require.Contains(t, lines.Text(), `"/2"`)
}

func TestAnAnswerThatCannotGoOnIsNotTakenForTheWhole(t *testing.T) {
	n, _, _, server := served(t)
	read := func() (string, error) {
		answer, err := http.Get(server.URL + "?" + agentapi.RequestQuery{JSON: true}.Values().Encode())
		require.NoError(t, err)
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		return string(text), err
	}
	_, err := read()
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(filepath.Join(n.folder, "pharma", "999999.jsonl"), 0o700)) // a segment that cannot be read
	text, err := read()
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Contains(t, text, `"/1"`)
}
