package facts_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/effects/factlog"
	"data-space.liqo.io/pkg/programs/agentserver"
	"data-space.liqo.io/pkg/programs/facts"
	"data-space.liqo.io/pkg/values/agentapi"
	"data-space.liqo.io/pkg/values/fact"
)

func TestKeysAreRotatedOnTheNodesSocketAndProofsFollow(t *testing.T) {
	folder, folderOfRequests := filepath.Join(t.TempDir(), "facts"), t.TempDir()
	r := newRequests(t, folderOfRequests)
	e := newEmitter(config(folder))
	g := e.Guests(folderOfRequests)
	stop := start(t, e)
	r.ask("study")
	r.report(g.Synced)
	joined(t, folder, 1)
	dir, err := os.MkdirTemp("", "ds") //nolint:usetesting // the path of a socket is short
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	socket := filepath.Join(dir, "s")
	listener, err := agentserver.Listen(t.Context(), socket)
	require.NoError(t, err)
	go func() { _ = agentserver.Serve(t.Context(), listener, e.Handler()) }()
	before, err := factlog.Folder(folder).Keys()
	require.NoError(t, err)
	require.Len(t, before, 1)
	for range 2 {
		var printed bytes.Buffer
		require.NoError(t, facts.AskToRotate(t.Context(), &printed, socket))
		require.Len(t, strings.Fields(printed.String()), 2, "the node's key and the guest's")
	}
	tcp := httptest.NewServer(e.Handler())
	defer tcp.Close()
	answer, err := http.Post(tcp.URL+agentapi.RotatePath, "", nil) //nolint:noctx // a test
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusForbidden, answer.StatusCode, "not from the network")
	stop()

	v, err := facts.Verify(folder, nil, nil, "")
	require.NoError(t, err)
	require.Empty(t, v.Flaws)
	for _, of := range []string{folder, facts.GuestFolder(folder, "pharma")} {
		keys, err := factlog.Folder(of).Keys()
		require.NoError(t, err)
		require.Len(t, keys, 3)
		var rotated []string
		for _, f := range recorded(t, of) {
			if f.Kind == fact.KeyRotated {
				rotated = append(rotated, f.Details["key"])
			}
		}
		require.Equal(t, keys[1:], rotated, "the history is in the record")
		var proof bytes.Buffer
		require.NoError(t, facts.Prove(&proof, of, 0))
		text := proof.String()
		require.NoError(t, facts.Check(&bytes.Buffer{}, strings.NewReader(text), keys[2:], nil))
		require.NoError(t, facts.Check(&bytes.Buffer{}, strings.NewReader(text), keys[1:2], nil), "the key before signs as well")
		require.Error(t, facts.Check(&bytes.Buffer{}, strings.NewReader(text), keys[:1], nil), "the oldest does not")
	}
}
