//go:build kernel

package envoy

import (
	"net"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// As many requests as servers allow wait for their ends on one HTTP/2 connection, as the watches of a gRPC client do.
func TestTheServersLimitOfStreamsIsMetFirst(t *testing.T) {
	const watches = 240 // Go's servers allow 250
	w := newWorld(t, settings())
	began, end := make(chan struct{}, watches), make(chan struct{})
	var connections sync.Map
	serveHTTP(t, w, w.peer, peer4, 8080, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		connections.Store(r.RemoteAddr, true)
		rw.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(rw).Flush()
		began <- struct{}{}
		<-end
	}))
	client := w.client(w.pod, true)
	for range watches {
		response, err := client.Get("http://" + net.JoinHostPort(peer4, "8080"))
		require.NoError(t, err)
		t.Cleanup(func() { response.Body.Close() })
		<-began
	}
	close(end)
	count := 0
	connections.Range(func(any, any) bool { count++; return true })
	require.Equal(t, 1, count, "one connection to the server for one of the client")
}
