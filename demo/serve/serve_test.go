package serve_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/demo/serve"
)

func TestServerStopsInOrderAndFinishesTheOpenRequest(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	inside := make(chan struct{})
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(inside)
		time.Sleep(50 * time.Millisecond)
		serve.Healthz(w, r)
	})
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- serve.Serve(ctx, listener, handler) }()
	go func() { <-inside; stop() }()

	answer, err := http.Get("http://" + listener.Addr().String())
	require.NoError(t, err)
	defer answer.Body.Close()
	require.Equal(t, http.StatusOK, answer.StatusCode)
	require.NoError(t, <-done)
}

func TestAnAddressThatIsTakenIsNamedInTheError(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	err = serve.Run(context.Background(), listener.Addr().String(), http.NotFoundHandler())
	require.ErrorContains(t, err, listener.Addr().String())
}

func TestFailAnswersWithJSON(t *testing.T) {
	recorder := httptest.NewRecorder()
	serve.Fail(recorder, http.StatusNotFound, "no such patient")
	require.Equal(t, http.StatusNotFound, recorder.Code)
	require.JSONEq(t, `{"error":"no such patient"}`, recorder.Body.String())
}

func TestGet(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", serve.Healthz)
	server := httptest.NewServer(mux)
	defer server.Close()
	t.Run("copies the body", func(t *testing.T) {
		out := &strings.Builder{}
		require.NoError(t, serve.Get(context.Background(), []string{server.URL + "/healthz"}, out))
		require.Contains(t, out.String(), "ok")
	})
	t.Run("an answer other than 2xx is an error that names it", func(t *testing.T) {
		err := serve.Get(context.Background(), []string{"-X", http.MethodPost, server.URL + "/healthz"}, &strings.Builder{})
		require.ErrorContains(t, err, "405")
	})
	t.Run("wants exactly one URL", func(t *testing.T) {
		require.ErrorContains(t, serve.Get(context.Background(), nil, &strings.Builder{}), "one URL")
	})
}
