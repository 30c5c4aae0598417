//go:build api

package proxy

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/websocket"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"data-space.liqo.io/pkg/values/v1alpha1"
)

// socketEvent is what the tests read of a watch's event.
type socketEvent struct {
	Type   string `json:"type"`
	Object struct {
		Kind     string            `json:"kind"`
		Code     int               `json:"code"`
		Metadata metav1.ObjectMeta `json:"metadata"`
	} `json:"object"`
}

// dialTo opens a TLS connection with a caller's certificate, to the proxy or to the API server itself.
func dialTo(t *testing.T, config *rest.Config) *tls.Conn {
	t.Helper()
	settings, err := rest.TLSConfigFor(config)
	require.NoError(t, err)
	settings.NextProtos = []string{"http/1.1"}
	c, err := tls.Dial("tcp", strings.Trim(strings.TrimPrefix(config.Host, "https://"), "/"), settings)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	require.NoError(t, c.SetDeadline(time.Now().Add(waitLong)))
	return c
}

// socket opens a watch as a browser does.
func socket(t *testing.T, config *rest.Config, path string, protocols ...string) *websocket.Conn {
	t.Helper()
	asked, err := websocket.NewConfig("wss://x"+path, "https://dashboard.example")
	require.NoError(t, err)
	asked.Protocol = protocols
	c, err := websocket.NewClient(asked, dialTo(t, config))
	require.NoError(t, err)
	return c
}

// nextEvent reads one message, which is one event.
func nextEvent(t *testing.T, c *websocket.Conn) (e socketEvent, text string) {
	t.Helper()
	require.NoError(t, websocket.Message.Receive(c, &text))
	require.NoError(t, json.Unmarshal([]byte(text), &e), "%.200s", text)
	require.Equal(t, 1, strings.Count(text, "\n"), "one event, as the API server writes it")
	return e, text
}

// eventOf reads messages up to the next one about an object.
func eventOf(t *testing.T, c *websocket.Conn, name string) string {
	t.Helper()
	for {
		if e, text := nextEvent(t, c); e.Object.Metadata.Name == name {
			return text
		}
	}
}

func TestAFilteredWatchByWebsocket(t *testing.T) {
	w := newWorld(t)
	w.node(t, "socket-1", nil)
	w.node(t, "socket-2", map[string]string{"socket": "yes"})
	w.node(t, "socket-hidden", nil)
	proxied, policy := w.visible(t, "browser", v1alpha1.Visibility{Nodes: []v1alpha1.VisibleObjects{
		{Names: []v1alpha1.VisibleName{"socket-1"}}, selected(map[string]v1alpha1.LabelValue{"socket": "yes"}),
	}})
	const path, protocol = "/api/v1/nodes?watch=1", "base64.binary.k8s.io"
	own, all := socket(t, proxied, path, protocol), socket(t, w.Config, path, protocol)
	want := eventOf(t, all, "socket-1")
	want2 := eventOf(t, socket(t, w.Config, path, protocol), "socket-2")
	_ = eventOf(t, socket(t, w.Config, path, protocol), "socket-hidden") // this very watch shows it, where nothing filters
	_, first := nextEvent(t, own)
	_, second := nextEvent(t, own)
	require.ElementsMatch(t, []string{want, want2}, []string{first, second}, "the messages are those of the API server")
	require.Equal(t, []string{protocol}, own.Config().Protocol)

	label := func(value string) {
		_, err := w.Clients.CoreV1().Nodes().Patch(t.Context(), "socket-hidden", "application/merge-patch+json", []byte(`{"metadata":{"labels":{"socket":"`+value+`"}}}`), metav1.PatchOptions{})
		require.NoError(t, err)
	}
	label("yes")
	e, _ := nextEvent(t, own)
	require.Equal(t, []string{"ADDED", "socket-hidden"}, []string{e.Type, e.Object.Metadata.Name})
	label("no")
	added := e.Object.Metadata.UID
	e, _ = nextEvent(t, own)
	require.Equal(t, []string{"DELETED", "socket-hidden"}, []string{e.Type, e.Object.Metadata.Name})
	require.Equal(t, added, e.Object.Metadata.UID, "dashboards know objects by it")

	policy.Spec.Visibility.Nodes = policy.Spec.Visibility.Nodes[:1]
	require.NoError(t, w.Client.Update(t.Context(), policy))
	e, _ = nextEvent(t, own)
	require.Equal(t, "ERROR", e.Type)
	require.Equal(t, http.StatusGone, e.Object.Code)
	requireClosed(t, own)
	eventually(t, func() bool { return loggedSocket(w, "user-of-browser", "nodes", "filter") }, "the watch is a request of the log")
}

// loggedSocket reports whether a watch by a websocket is in the log.
func loggedSocket(w *world, caller, kind, verdict string) bool {
	for line := range strings.Lines(w.output.String()) {
		if strings.Contains(line, `"caller":"`+caller+`"`) && strings.Contains(line, `"verb":"watch","kind":"`+kind+`"`) && strings.Contains(line, `"verdict":"`+verdict+`","code":101`) {
			return true
		}
	}
	return false
}

// requireClosed asserts that the other end closes a websocket in good order.
func requireClosed(t *testing.T, c *websocket.Conn) {
	t.Helper()
	var text string
	require.ErrorIs(t, websocket.Message.Receive(c, &text), io.EOF, text)
}

func TestAWatchOfAllNamespacesByWebsocket(t *testing.T) {
	w := newWorld(t)
	guest := fmt.Sprint("sockets-", time.Now().UnixNano()) // no namespace is deleted here: there is no controller
	first, second := guest+"-a", guest+"-b"
	for _, name := range []string{first, second} {
		w.create(t, named(name, guest))
		require.NoError(t, w.bind(t.Context(), name, guest))
		w.configMap(t, name, "small")
	}
	large := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: second, Name: "large"}, Data: map[string]string{"a": strings.Repeat("é\n", 200<<10)}}
	w.create(t, large)
	w.configMap(t, "rival-a", "not-theirs")
	proxied, direct := w.user(t, guest+"-user", guest)
	const path = "/api/v1/configmaps?watch=1"
	refusal := upgrade(t, direct, path, "Origin: https://x\r\n")
	require.Equal(t, http.StatusForbidden, refusal, "the caller may not do so by itself")
	eventually(t, func() bool { return len(listedOrNone(t, proxied)) == 2 }, "the proxy knows the guest")
	for _, name := range []string{first, second} {
		eventually(t, func() bool {
			_, err := clients(t, direct).CoreV1().ConfigMaps(name).List(t.Context(), metav1.ListOptions{Limit: 1})
			return err == nil
		}, "the API server knows the guest's rights")
	}

	_ = eventOf(t, socket(t, w.Config, path), "not-theirs") // where nothing narrows it
	own := socket(t, proxied, path)
	seen, in := map[string]bool{}, json.NewDecoder(own) // a large event is one message of several frames
	for len(seen) < 3 {
		var e socketEvent
		require.NoError(t, in.Decode(&e))
		require.Contains(t, []string{first, second}, e.Object.Metadata.Namespace)
		if e.Object.Metadata.Name == "small" || e.Object.Metadata.Name == "large" {
			seen[e.Object.Metadata.Namespace+"/"+e.Object.Metadata.Name] = true
		}
	}
	w.configMap(t, first, "later")
	for name := ""; name != "later"; {
		var e socketEvent
		require.NoError(t, in.Decode(&e))
		name = e.Object.Metadata.Name
	}
	require.NoError(t, own.Close())
	eventually(t, func() bool { return loggedSocket(w, guest+"-user", "configmaps", "merge") }, "the request ends when its client has left")
	for _, kind := range []string{"/api/v1/nodes?watch=1", "/apis/apps/v1/deployments?watch=1"} {
		require.Equal(t, upgrade(t, direct, kind, "Origin: https://x\r\n"), upgrade(t, proxied, kind, "Origin: https://x\r\n"), "nothing to merge: the refusal stands")
	}
}

// upgrade asks for a websocket and returns the answer's code.
func upgrade(t *testing.T, config *rest.Config, path, headers string) int {
	t.Helper()
	c := dialTo(t, config)
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n", path, headers)
	code, _ := answered(t, bufio.NewReader(c))
	return code
}

func TestAFilteredWebsocketHasBounds(t *testing.T) {
	w := newWorld(t)
	w.node(t, "bounded-1", nil)
	w.visible(t, "bounded", v1alpha1.Visibility{
		Nodes: []v1alpha1.VisibleObjects{{Names: []v1alpha1.VisibleName{"bounded-1"}}}, Subjects: []v1alpha1.Subject{{Kind: "ServiceAccount", Namespace: "pharma-a", Name: "browser"}},
	})
	w.create(t, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "pharma-a", Name: "browser"}})
	token, err := w.Token(t.Context(), "pharma-a", "browser")
	require.NoError(t, err)
	second, stop := w.another(t)
	byToken := second.through(&rest.Config{})
	const path = "/api/v1/nodes?watch=1"
	bearer := "Sec-WebSocket-Protocol: base64url.bearer.authorization.k8s.io." + encode(token) + ", base64.binary.k8s.io\r\n"
	for headers, want := range map[string]int{
		"Origin: https://x\r\n" + bearer: http.StatusSwitchingProtocols, "Origin: https://x\r\n": http.StatusUnauthorized, bearer: http.StatusBadRequest,
		"Origin: https://x\r\n" + strings.TrimSpace(bearer) + ", another\r\n": http.StatusBadRequest,
	} {
		require.Equal(t, want, upgrade(t, byToken, path, headers), headers)
	}
	require.Equal(t, http.StatusBadRequest, upgrade(t, byToken, "/api/v1/nodes", "Origin: https://x\r\n"+bearer), "not a watch")
	protocols := []string{"base64url.bearer.authorization.k8s.io." + encode(token), "base64.binary.k8s.io"}

	flooding := socketBy(t, byToken, path, protocols)
	e, _ := nextEvent(t, flooding)
	require.Equal(t, "bounded-1", e.Object.Metadata.Name)
	flood := make([]byte, 64<<10)
	for range 64 { // 4 MiB
		if err := websocket.Message.Send(flooding, flood); err != nil {
			break
		}
	}
	require.NotErrorIs(t, receiveToEnd(flooding), os.ErrDeadlineExceeded, "it ends")

	ending := socketBy(t, byToken, path, protocols)
	_, _ = nextEvent(t, ending)
	require.NoError(t, stop(), second.output.End())
	requireClosed(t, ending)
	require.NotContains(t, second.output.String(), encode(token))
}

// socketBy opens a watch with these subprotocols, of which the server chooses the last.
func socketBy(t *testing.T, config *rest.Config, path string, protocols []string) *websocket.Conn {
	t.Helper()
	c := socket(t, config, path, protocols...)
	require.Equal(t, protocols[len(protocols)-1:], c.Config().Protocol, "the token is not repeated")
	return c
}

// receiveToEnd reads a websocket until it ends.
func receiveToEnd(c *websocket.Conn) error {
	for {
		var text string
		if err := websocket.Message.Receive(c, &text); err != nil {
			return err
		}
	}
}
