//go:build api

package proxy

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

// large makes a guest with many bytes of objects, and returns the connection of its user.
func (w *world) large(t *testing.T, guest string) *rest.Config {
	t.Helper()
	namespace := guest + "-a"
	w.create(t, named(namespace, guest))
	require.NoError(t, w.bind(t.Context(), namespace, guest))
	for i := range 15 {
		w.create(t, &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: fmt.Sprintf("large-%d", i)}, Data: map[string]string{"a": strings.Repeat("x", 1000<<10)},
		})
	}
	proxied, _ := w.user(t, "user-of-"+guest, guest)
	return proxied
}

func TestAListThatIsNotTakenHoldsNoOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	proxied := w.large(t, "slow")
	c := w.dial(t, proxied)
	require.NoError(t, c.NetConn().(*net.TCPConn).SetReadBuffer(64<<10))
	fmt.Fprint(c, "GET /api/v1/configmaps HTTP/1.1\r\nHost: x\r\n\r\n")
	status := make([]byte, len("HTTP/1.1 200"))
	_, err := io.ReadFull(c, status)
	require.NoError(t, err)
	require.Equal(t, "HTTP/1.1 200", string(status))
	transport, err := rest.TransportFor(proxied)
	require.NoError(t, err)
	for range 30 { // lists that are not read, over HTTP/2
		answeredByHTTP2(t, transport, proxied.Host+"/api/v1/configmaps", nil)
	}
	code, _, body := send(t, w.through(mustDirect(t, w, "slow")), "GET", "/api/v1/configmaps", nil, nil)
	require.Equal(t, http.StatusOK, code)
	require.Greater(t, len(body), 14<<20)
}

// answeredByHTTP2 asks over HTTP/2, asserts that the answer has begun, and reads none of it until the test ends.
func answeredByHTTP2(t *testing.T, transport http.RoundTripper, url string, body io.Reader) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, body)
	require.NoError(t, err)
	response, err := transport.RoundTrip(request)
	require.NoError(t, err)
	t.Cleanup(func() { _ = response.Body.Close() })
	require.Equal(t, 2, response.ProtoMajor)
	require.Equal(t, http.StatusOK, response.StatusCode)
}

// mustDirect returns another connection of a guest's user.
func mustDirect(t *testing.T, w *world, guest string) *rest.Config {
	t.Helper()
	_, direct := w.user(t, "second-of-"+guest, guest)
	return direct
}
