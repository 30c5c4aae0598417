package webhook

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAnEndingReplicaServesOnAndClosesItsConnections(t *testing.T) {
	ending := make(chan struct{})
	d := drain{ending: ending}
	answer := func() *httptest.ResponseRecorder {
		recorder := httptest.NewRecorder()
		d.inFrontOf(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })).ServeHTTP(recorder, nil)
		return recorder
	}
	require.NoError(t, d.check(nil))
	require.Empty(t, answer().Header().Get("Connection"))
	close(ending)
	require.Error(t, d.check(nil))
	require.Equal(t, "close", answer().Header().Get("Connection"))
	require.Equal(t, http.StatusTeapot, answer().Code)
}

func TestTheSealsKeyFollowsThePrivateKeyAndKeepsTheOneBefore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tls.key")
	ring := &keyring{path: path}
	require.Empty(t, ring.seal("pharma-space").Keys)
	write := func(data string) {
		require.NoError(t, os.WriteFile(path, []byte("-----BEGIN EC PRIVATE KEY-----\n"+data+"\n-----END EC PRIVATE KEY-----\n"), 0o600))
	}
	write("AAAA")
	first := ring.seal("pharma-space").Keys
	require.Len(t, first, 1)
	require.Equal(t, first, (&keyring{path: path}).seal("other").Keys, "all replicas derive the same")
	write("BBBB")
	second := ring.seal("pharma-space").Keys
	require.Len(t, second, 2)
	require.Equal(t, first[0], second[1])
	write("CCCC")
	require.NotContains(t, ring.seal("pharma-space").Keys, first[0])
	require.NoError(t, os.Remove(path))
	require.Len(t, ring.seal("pharma-space").Keys, 2, "a file that is being replaced is no reason to forget")
}
