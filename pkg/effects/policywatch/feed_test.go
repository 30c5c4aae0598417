package policywatch

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"

	"data-space.liqo.io/pkg/decisions/netpol"
)

// server plays an API server that has pods alone.
type server struct {
	t       *testing.T
	json    bool // it has no protobuf
	streams bool // it streams lists

	mu      sync.Mutex
	pods    []*corev1.Pod
	events  chan sent
	pages   int
	watches []string // the versions that watches went on from
}

// sent is an event, or raw bytes, or the end of the watch.
type sent struct {
	kind   string
	object runtime.Object
	raw    []byte
	end    bool
}

func pod(name, version string) *corev1.Pod {
	return &corev1.Pod{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, ResourceVersion: version},
		Status:     corev1.PodStatus{PodIP: "192.0.2.1"}}
}

func (s *server) encode(o runtime.Object) []byte {
	if s.json {
		text, err := json.Marshal(o)
		require.NoError(s.t, err)
		return text
	}
	body, err := runtime.Encode(protobuf.NewSerializer(scheme.Scheme, scheme.Scheme), o)
	require.NoError(s.t, err)
	return body
}

func (s *server) contentType(w http.ResponseWriter, stream string) {
	kind := "application/json"
	if !s.json {
		kind = protobufType + stream
	}
	w.Header().Set("Content-Type", kind)
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if !strings.HasSuffix(r.URL.Path, "/pods") {
		s.others(w, r)
		return
	}
	switch {
	case q.Get("sendInitialEvents") != "" && !s.streams:
		w.WriteHeader(http.StatusUnprocessableEntity)
	case q.Get("watch") != "":
		s.watch(w, r, q.Get("resourceVersion"))
	default:
		s.page(w, q.Get("continue"))
	}
}

func (s *server) page(w http.ResponseWriter, after string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pages++
	list := &corev1.PodList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "PodList"}, ListMeta: metav1.ListMeta{ResourceVersion: "10"}}
	half := len(s.pods) / 2
	from, to := s.pods[:half], "second"
	if after != "" {
		from, to = s.pods[half:], ""
	}
	list.Continue = to
	for _, p := range from {
		list.Items = append(list.Items, *p)
	}
	s.contentType(w, "")
	_, _ = w.Write(s.encode(list))
}

func (s *server) watch(w http.ResponseWriter, r *http.Request, since string) {
	s.contentType(w, ";stream=watch")
	s.mu.Lock()
	s.watches = append(s.watches, since)
	first := s.pods
	s.mu.Unlock()
	if since == "" {
		for _, p := range first {
			s.send(w, sent{kind: "ADDED", object: p})
		}
		end := pod("", "10")
		end.Annotations = map[string]string{metav1.InitialEventsAnnotationKey: "true"}
		s.send(w, sent{kind: "BOOKMARK", object: end})
	}
	w.(http.Flusher).Flush()
	for {
		select {
		case <-r.Context().Done():
			return
		case e := <-s.events:
			if e.end {
				return
			}
			s.send(w, e)
		}
	}
}

func (s *server) send(w http.ResponseWriter, e sent) {
	frame := e.raw
	if e.object != nil {
		object := runtime.RawExtension{Raw: s.encode(e.object)}
		var err error
		if s.json {
			frame, err = json.Marshal(metav1.WatchEvent{Type: e.kind, Object: object})
		} else {
			frame, err = (&metav1.WatchEvent{Type: e.kind, Object: object}).Marshal()
		}
		require.NoError(s.t, err)
	}
	var b bytes.Buffer
	if !s.json {
		_ = binary.Write(&b, binary.BigEndian, uint32(len(frame)))
	}
	b.Write(frame)
	_, _ = w.Write(b.Bytes())
	w.(http.Flusher).Flush()
}

// others answers for kinds of which there are none.
func (s *server) others(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if q.Get("watch") != "" && (s.streams || q.Get("sendInitialEvents") == "") {
		s.contentType(w, ";stream=watch")
		if q.Get("sendInitialEvents") != "" {
			end := metav1.ObjectMeta{ResourceVersion: "10", Annotations: map[string]string{metav1.InitialEventsAnnotationKey: "true"}}
			s.send(w, sent{kind: "BOOKMARK", object: s.empty(r, end)})
		}
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		return
	}
	if q.Get("watch") != "" {
		w.WriteHeader(http.StatusUnprocessableEntity)
		return
	}
	var list runtime.Object = &corev1.NamespaceList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "NamespaceList"}, ListMeta: metav1.ListMeta{ResourceVersion: "10"}}
	if strings.HasSuffix(r.URL.Path, "networkpolicies") {
		list = &networkingv1.NetworkPolicyList{TypeMeta: metav1.TypeMeta{APIVersion: "networking.k8s.io/v1", Kind: "NetworkPolicyList"}, ListMeta: metav1.ListMeta{ResourceVersion: "10"}}
	}
	s.contentType(w, "")
	_, _ = w.Write(s.encode(list))
}

func (s *server) empty(r *http.Request, m metav1.ObjectMeta) runtime.Object {
	if strings.HasSuffix(r.URL.Path, "networkpolicies") {
		return &networkingv1.NetworkPolicy{TypeMeta: metav1.TypeMeta{APIVersion: "networking.k8s.io/v1", Kind: "NetworkPolicy"}, ObjectMeta: m}
	}
	return &corev1.Namespace{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"}, ObjectMeta: m}
}

// following is an index that follows the server.
type following struct {
	*server
	watch *Watch
	mu    sync.Mutex
	index *netpol.Index
}

func follow(t *testing.T, s *server) *following {
	t.Helper()
	s.t, s.events = t, make(chan sent)
	h := httptest.NewServer(s)
	w, err := New(&rest.Config{Host: h.URL}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	f := &following{server: s, watch: w, index: netpol.New(netpol.Settings{Node: "here"})}
	t.Cleanup(func() { h.CloseClientConnections(); h.Close() }) // after the watch has ended
	RunInto(t, w, &f.mu, f.index)
	return f
}

// becomes waits until the index knows so many pods with addresses.
func (f *following) becomes(pods int) {
	f.t.Helper()
	require.Eventually(f.t, func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.index.Summary().Pods == pods
	}, 30*time.Second, time.Millisecond, "%d pods", pods)
}

// at gives the pod an address of its own.
func at(ip string, p *corev1.Pod) *corev1.Pod {
	p.Status.PodIP = ip
	return p
}

func servers() map[string]*server {
	return map[string]*server{
		"streamed": {streams: true}, "paged": {}, "streamed as JSON": {streams: true, json: true}, "paged as JSON": {json: true},
	}
}

func TestTheWatchFollowsEveryKindOfServer(t *testing.T) {
	for name, s := range servers() {
		t.Run(name, func(t *testing.T) {
			s.pods = []*corev1.Pod{at("192.0.2.1", pod("a", "1")), at("192.0.2.2", pod("b", "2"))}
			f := follow(t, s)
			f.becomes(2)
			f.events <- sent{kind: "ADDED", object: at("192.0.2.3", pod("c", "11"))}
			f.becomes(3)
			host := pod("c", "12")
			host.Spec.HostNetwork = true
			f.events <- sent{kind: "MODIFIED", object: host}
			f.becomes(2)
			f.events <- sent{kind: "DELETED", object: pod("a", "13")}
			f.becomes(1)
			f.events <- sent{end: true} // the watch goes on from there
			f.events <- sent{kind: "ADDED", object: at("192.0.2.3", pod("c", "14"))}
			f.becomes(2)
			f.server.mu.Lock()
			defer f.server.mu.Unlock()
			require.Equal(t, "13", s.watches[len(s.watches)-1])
			require.Equal(t, map[bool]int{true: 0, false: 2}[s.streams], s.pages)
		})
	}
}

func TestAVersionThatTheServerHasForgottenIsAReasonToListAgain(t *testing.T) {
	for name, s := range servers() {
		t.Run(name, func(t *testing.T) {
			s.pods = []*corev1.Pod{at("192.0.2.1", pod("a", "1")), at("192.0.2.2", pod("b", "2"))}
			f := follow(t, s)
			f.becomes(2)
			f.server.mu.Lock()
			s.pods = []*corev1.Pod{s.pods[1], at("192.0.2.3", pod("c", "15")), at("192.0.2.4", pod("d", "15"))}
			f.server.mu.Unlock()
			f.events <- sent{kind: "ERROR", object: &metav1.Status{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Code: http.StatusGone}}
			f.becomes(3)
		})
	}
}

func TestAnObjectThatCannotBeDecodedIsAProblemAndNothingIsForgotten(t *testing.T) {
	for name, raw := range map[string][]byte{
		"no protobuf": []byte("text"), "no envelope": {0x0a, 5, 'A', 'D', 'D', 'E', 'D', 0x12, 2, 0x0a, 0},
		"another kind": (&server{t: t}).frame("ADDED", &corev1.Namespace{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"}}),
	} {
		t.Run(name, func(t *testing.T) {
			f := follow(t, &server{streams: true, pods: []*corev1.Pod{pod("a", "1")}})
			f.events <- sent{raw: raw}
			require.Eventually(t, func() bool { return f.watch.Problem() != "" }, 30*time.Second, time.Millisecond)
			f.becomes(1)
			f.events <- sent{kind: "ADDED", object: at("192.0.2.9", pod("b", "12"))}
			f.becomes(2)
		})
	}
}

func (s *server) frame(kind string, o runtime.Object) []byte {
	frame, err := (&metav1.WatchEvent{Type: kind, Object: runtime.RawExtension{Raw: s.encode(o)}}).Marshal()
	require.NoError(s.t, err)
	return frame
}

func TestTheQueueIsBounded(t *testing.T) {
	q := newQueue("pods")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	for range maxQueued {
		require.NoError(t, q.put(ctx, netpol.PodGone{}))
	}
	require.ErrorIs(t, q.put(ctx, netpol.PodGone{}), context.DeadlineExceeded)
	changes, complete := q.take()
	require.Len(t, changes, maxQueued)
	require.False(t, complete)
	q.arrived("pods")
	_, complete = q.take()
	require.True(t, complete)
}
