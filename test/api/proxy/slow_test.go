//go:build api

package proxy

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

// large makes a guest whose objects are near the bound of a list of all namespaces, and returns the connection of its user.
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

func TestAListThatIsNotTakenEndsItsTurn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first, second := w.large(t, "slow-http1"), w.large(t, "slow-http2")
	began := time.Now()
	c := w.dial(t, first)
	require.NoError(t, c.NetConn().(*net.TCPConn).SetReadBuffer(64<<10))
	fmt.Fprint(c, "GET /api/v1/configmaps HTTP/1.1\r\nHost: x\r\n\r\n")
	status := make([]byte, len("HTTP/1.1 200"))
	_, err := io.ReadFull(c, status)
	require.NoError(t, err)
	require.Equal(t, "HTTP/1.1 200", string(status))
	transport, err := rest.TransportFor(second)
	require.NoError(t, err)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, second.Host+"/api/v1/configmaps", nil)
	require.NoError(t, err)
	response, err := transport.RoundTrip(request)
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, 2, response.ProtoMajor)
	require.Equal(t, http.StatusOK, response.StatusCode)
	for _, config := range []*rest.Config{first, second} {
		code, _, body := send(t, config, "GET", "/api/v1/configmaps", nil, nil)
		require.Equal(t, http.StatusOK, code)
		require.Greater(t, len(body), 14<<20)
		require.Greater(t, time.Since(began), 10*time.Second, "a guest's next list waits for the one that its client does not take")
		require.Less(t, time.Since(began), waitLong)
	}
}
