package apiproxy

import (
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"

	"data-space.liqo.io/pkg/decisions/window"
	"data-space.liqo.io/pkg/effects/upstream"
)

// overHTTP2 returns a server of HTTP/2.
func overHTTP2(t *testing.T, answer http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(answer)
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

// The API server refuses a request before it has the whole body, and the client sends no more of the body after that.
func TestARefusalEndsAlsoIfTheBodyOfTheRequestDoesNot(t *testing.T) {
	const refusal = `{"kind":"Status","code":403}`
	api := overHTTP2(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadFull(r.Body, make([]byte, 1)) // what sends the body waits for the next byte
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Api-Server", r.Proto)
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, refusal)
		_ = http.NewResponseController(w).Flush() // an answer without a length
	})
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: api.Certificate().Raw})
	to, err := upstream.New(&rest.Config{Host: api.URL, TLSClientConfig: rest.TLSClientConfig{CAData: ca}})
	require.NoError(t, err)
	p := &proxy{server: to, guests: &sources{}, log: slog.New(slog.DiscardHandler)}
	forward := p.newForward()
	served := make(chan struct{})
	before := overHTTP2(t, func(w http.ResponseWriter, r *http.Request) {
		defer close(served)
		planned := &plan{
			id: "an-id", caller: upstream.Identity{Name: "alice"}, verdict: window.Verdict{Action: window.Pass}, request: window.Request{Verb: "create", Query: url.Values{}},
		}
		forward.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), planKey{}, planned)))
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	body, sender := io.Pipe()
	t.Cleanup(func() { sender.Close() }) // before the servers, which wait for their requests
	go func() { _, _ = sender.Write([]byte("{")) }()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, before.URL+"/api/v1/namespaces/rival-a/configmaps", body)
	require.NoError(t, err)
	response, err := before.Client().Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, []any{http.StatusForbidden, 2, "HTTP/2.0"}, []any{response.StatusCode, response.ProtoMajor, response.Header.Get("X-Api-Server")})
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err, "the end of the answer does not come")
	require.JSONEq(t, refusal, string(text))
	select {
	case <-served: // and the caller's turn with it
	case <-ctx.Done():
		t.Fatal("the request is still served")
	}
}
