//go:build api

package proxy

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

// kubelet stands in for the program that the API server calls for a pod's streams: it echoes an upgraded connection, and logs one line
// whenever it is told to.
func (w *world) kubelet(t *testing.T) (lines chan<- string) {
	t.Helper()
	more := make(chan string)
	server := httptest.NewTLSServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" {
			_ = http.NewResponseController(out).Flush()
			for line := range more {
				fmt.Fprintln(out, line)
				_ = http.NewResponseController(out).Flush()
			}
			return
		}
		c, buffered, err := http.NewResponseController(out).Hijack()
		if err != nil {
			return
		}
		defer c.Close()
		fmt.Fprintf(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", r.Header.Get("Upgrade"))
		_, _ = io.Copy(c, buffered)
	}))
	t.Cleanup(server.Close)
	address := server.Listener.Addr().(*net.TCPAddr)
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "streams"}}
	w.create(t, node)
	node.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "127.0.0.1"}, {Type: corev1.NodeHostName, Address: "127.0.0.1"}}
	node.Status.DaemonEndpoints.KubeletEndpoint.Port = int32(address.Port)
	_, err := w.Clients.CoreV1().Nodes().UpdateStatus(t.Context(), node, metav1.UpdateOptions{})
	require.NoError(t, err)
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "pharma-a", Name: "streams"},
		Spec:       corev1.PodSpec{NodeName: "streams", ServiceAccountName: "default", Containers: []corev1.Container{{Name: "c", Image: "i"}}, AutomountServiceAccountToken: new(false)},
	}
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "pharma-a", Name: "default"}}
	w.create(t, account)
	created, err := w.Clients.CoreV1().Pods("pharma-a").Create(t.Context(), pod, metav1.CreateOptions{})
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = w.Clients.CoreV1().Pods("pharma-a").Delete(context.WithoutCancel(t.Context()), pod.Name, metav1.DeleteOptions{GracePeriodSeconds: new(int64(0))})
	})
	created.Status.Phase = corev1.PodRunning
	_, err = w.Clients.CoreV1().Pods("pharma-a").UpdateStatus(t.Context(), created, metav1.UpdateOptions{})
	require.NoError(t, err)
	return more
}

func TestStreamsPassUnbuffered(t *testing.T) {
	w := newWorld(t)
	lines := w.kubelet(t)
	proxied, _ := w.pharma(t)
	for _, path := range []string{"exec?container=c&command=cat&stdin=true&stdout=true", "attach?container=c&stdin=true&stdout=true", "portforward?ports=80"} {
		c := w.dial(t, proxied)
		fmt.Fprintf(c, "POST /api/v1/namespaces/pharma-a/pods/streams/%s HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n", path)
		in := bufio.NewReader(c)
		code, _ := answered(t, in)
		require.Equal(t, http.StatusSwitchingProtocols, code, path)
		for _, text := range []string{"first", "second"} { // each comes back before the next is sent
			fmt.Fprint(c, text)
			back := make([]byte, len(text))
			_, err := io.ReadFull(in, back)
			require.NoError(t, err)
			require.Equal(t, text, string(back))
		}
		c.Close()
	}
	output, err := clients(t, proxied).CoreV1().Pods("pharma-a").GetLogs("streams", &corev1.PodLogOptions{Follow: true}).Stream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(output)
	for _, line := range []string{"one", "two"} {
		lines <- line
		got, err := in.ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, line+"\n", got)
	}
	close(lines)
	require.NoError(t, output.Close())
	other, _ := w.user(t, "other", "rival")
	c := w.dial(t, other)
	fmt.Fprint(c, "POST /api/v1/namespaces/pharma-a/pods/streams/exec?container=c&command=cat&stdin=true HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n")
	code, _ := answered(t, bufio.NewReader(c))
	require.Equal(t, http.StatusForbidden, code, "of another guest's")
	own := w.dial(t, proxied)
	fmt.Fprint(own, "POST /api/v1/namespaces/pharma-a/pods/streams/exec?container=c&command=cat&stdin=true HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n")
	code, _ = answered(t, bufio.NewReader(own))
	require.Equal(t, http.StatusBadRequest, code, "a body would be read while the connection is a stream")
}

func TestAWatchByWebsocketIsNarrowed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	proxied, _ := w.pharma(t)
	c := w.dial(t, proxied)
	fmt.Fprint(c, "GET /api/v1/namespaces?watch=1&timeoutSeconds=6 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: https://x\r\n\r\n")
	in := bufio.NewReader(c)
	code, _ := answered(t, in)
	require.Equal(t, http.StatusSwitchingProtocols, code)
	all, _ := io.ReadAll(in)
	require.Contains(t, string(all), "pharma-a")
	requireNothingHidden(t, string(all), "websocket")
}

func TestATokenInAWebsocketsProtocol(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token, err := w.Token(t.Context(), "pharma-a", w.account(t, "pharma-a"))
	require.NoError(t, err)
	for text, want := range map[string]int{token: http.StatusForbidden, "nonsense": http.StatusUnauthorized} { // 403: authenticated, without rights
		c := w.dial(t, w.through(&rest.Config{}))
		fmt.Fprintf(c, "GET /api/v1/namespaces?watch=1&timeoutSeconds=1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
			"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: base64url.bearer.authorization.k8s.io.%s, v4.channel.k8s.io\r\n\r\n", encode(text))
		code, _ := answered(t, bufio.NewReader(c))
		require.Equal(t, want, code)
	}
	require.NotContains(t, w.output.String(), token, "no token is logged")
	require.NotContains(t, w.output.String(), encode(token))
}

func TestEachRequestIsLoggedAndCounted(t *testing.T) {
	w := newWorld(t)
	proxied, _ := w.user(t, "logged", guest)
	send(t, proxied, "GET", "/api/v1/namespaces?labelSelector=secret-in-query%3Dx&resourceVersion=0", http.Header{"X-A": {"secret-in-header"}}, nil)
	send(t, proxied, "GET", "/api/v1/namespaces/pharma-a/configmaps?limit=secret-in-limit&labelSelector=secret-in-label", nil, nil)
	eventually(t, func() bool { return strings.Contains(w.output.String(), `"caller":"logged"`) }, "the line is written when the request has ended")
	for line := range strings.Lines(w.output.String()) {
		if strings.Contains(line, `"caller":"logged"`) && strings.Contains(line, `"kind":"namespaces"`) {
			require.Contains(t, line, `"verb":"list","kind":"namespaces","namespace":"","name":"","path":"/api/v1/namespaces","verdict":"narrow","code":200`)
		}
	}
	require.NotContains(t, w.output.String(), "secret-in")
	for i := range 20 {
		send(t, proxied, "GET", fmt.Sprintf("/apis/invented-%d.example.org/v1/things", i), nil, nil)
	}
	response, err := http.Get("http://" + w.metrics + "/metrics")
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Contains(t, string(text), `data_space_proxy_requests_total{code="200",kind="namespaces",verb="list",verdict="narrow"}`)
	require.NotContains(t, string(text), "invented", "no caller makes labels of metrics")
}

func TestAnEndingProxyEndsItsWatchesWell(t *testing.T) {
	w := newWorld(t)
	second, stop := w.another(t, "--max-requests-per-caller=2")
	proxied, _ := second.pharma(t)
	begin := func() (*http.Response, error) {
		transport, err := rest.TransportFor(proxied)
		require.NoError(t, err)
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, proxied.Host+"/api/v1/namespaces?watch=1", nil)
		require.NoError(t, err)
		return transport.RoundTrip(request)
	}
	var open []io.Reader
	for range 2 {
		response, err := begin()
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, response.StatusCode)
		defer response.Body.Close()
		open = append(open, response.Body)
	}
	third, err := begin()
	require.NoError(t, err)
	require.Equal(t, http.StatusTooManyRequests, third.StatusCode, "a caller has a bounded number of open requests")
	third.Body.Close()
	code, _, _ := send(t, proxied, "GET", "/version", http.Header{"Impersonate-User": {"admin"}}, nil)
	require.Equal(t, http.StatusTooManyRequests, code, "also while the API server is asked whom the caller may act as")
	ended := make(chan error, 2)
	for _, body := range open {
		go func() {
			_, err := io.Copy(io.Discard, body)
			ended <- err
		}()
	}
	require.NoError(t, stop(), second.output.End())
	for range 2 {
		select {
		case err := <-ended:
			require.NoError(t, err, "the stream ends as one of the API server's does")
		case <-time.After(waitLong):
			t.Fatal("the watch does not end")
		}
	}
}

func TestACertificateIsFollowed(t *testing.T) {
	w := newWorld(t)
	second, stop := w.another(t)
	t.Cleanup(func() { require.NoError(t, stop()) })
	shown := func() string {
		c, err := tls.Dial("tcp", second.address, &tls.Config{InsecureSkipVerify: true})
		require.NoError(t, err)
		defer c.Close()
		return c.ConnectionState().PeerCertificates[0].SerialNumber.String()
	}
	before := shown()
	require.NoError(t, second.renew())
	eventually(t, func() bool { return shown() != before }, "the new certificate is shown")
}

func encode(token string) string { return base64.RawURLEncoding.EncodeToString([]byte(token)) }
