package upstream

import (
	"bytes"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"

	"data-space.liqo.io/test/kit"
)

// unread opens answers without an end and reads none of them. It returns how much of them the server could send.
func unread(t *testing.T, sender func(*rest.Config) http.RoundTripper, answers int) int64 {
	t.Helper()
	var sent atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for chunk := bytes.Repeat([]byte("a"), 8<<10); ; {
			n, err := w.Write(chunk)
			sent.Add(int64(n))
			if err != nil {
				return
			}
		}
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	from := sender(&rest.Config{Host: server.URL, TLSClientConfig: rest.TLSClientConfig{CAData: ca}})
	for range answers {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
		require.NoError(t, err)
		response, err := from.RoundTrip(request)
		require.NoError(t, err)
		require.Equal(t, 2, response.ProtoMajor)
		t.Cleanup(func() { _ = response.Body.Close() })
		_, err = io.ReadFull(response.Body, make([]byte, 1))
		require.NoError(t, err)
	}
	return kit.Settled(t, &sent)
}

func TestAnswersThatNoCallerReadsTakeLittleMemory(t *testing.T) {
	const answers = 32
	ours := unread(t, func(config *rest.Config) http.RoundTripper {
		u, err := New(config)
		require.NoError(t, err)
		return u
	}, answers)
	library := unread(t, func(config *rest.Config) http.RoundTripper {
		rt, err := rest.TransportFor(config)
		require.NoError(t, err)
		return rt
	}, answers)
	require.Greater(t, library, int64(answers)*(3<<20), "a connection without the bound holds megabytes of each answer")
	require.Less(t, ours, int64(answers)*(128<<10))
}
