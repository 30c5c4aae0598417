package largecluster

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/client-go/kubernetes/scheme"
)

// PerNode is how many pods run on a node, PerNamespace how many are in a namespace.
const (
	PerNode      = 100
	PerNamespace = 20
)

// Cluster answers a node's watches: so many pods of some kilobytes, then so many changes a second of pods of other nodes
// than node-0.
type Cluster struct {
	Pods      int
	PerSecond int
	Policies  []*networkingv1.NetworkPolicy
}

const protobufType = "application/vnd.kubernetes.protobuf"

// ServeHTTP implements http.Handler.
func (c Cluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/api/v1/nodes/") {
		sendJSON(w, http.StatusOK, Node(strings.TrimPrefix(r.URL.Path, "/api/v1/nodes/")))
		return
	}
	objects, last := c.list(r)
	switch {
	case r.Method != http.MethodGet || last == nil:
		sendJSON(w, http.StatusNotFound, metav1.Status{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: metav1.StatusFailure, Reason: metav1.StatusReasonNotFound, Code: http.StatusNotFound})
		return
	case r.URL.Query().Get("watch") == "":
		sendJSON(w, http.StatusOK, map[string]any{"apiVersion": "v1", "kind": "List", "metadata": map[string]any{"resourceVersion": "10"}, "items": []any{}})
		return
	}
	w.Header().Set("Content-Type", protobufType+";stream=watch")
	if r.URL.Query().Get("sendInitialEvents") != "" {
		for o := range objects {
			send(w, "ADDED", o)
		}
		send(w, "BOOKMARK", last)
	}
	w.(http.Flusher).Flush()
	c.change(w, r)
}

// change sends changes of pods until the client goes: in turn a label, and what policies do not concern.
func (c Cluster) change(w http.ResponseWriter, r *http.Request) {
	if !strings.HasSuffix(r.URL.Path, "/pods") || ofNode(r) != "" {
		<-r.Context().Done()
		return
	}
	tick := time.NewTicker(time.Second / time.Duration(c.PerSecond))
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-r.Context().Done():
			return
		case <-tick.C:
		}
		pod := Pod(PerNode + i*37%(c.Pods-PerNode))
		if text := fmt.Sprint(i); i%2 == 0 {
			pod.Labels["churn"] = text
		} else {
			pod.Annotations = map[string]string{"churn": text}
		}
		send(w, "MODIFIED", pod)
		w.(http.Flusher).Flush()
	}
}

// list is what a watch begins with, and the bookmark at its end; nil for what is not there.
func (c Cluster) list(r *http.Request) (func(yield func(runtime.Object) bool), runtime.Object) {
	end := metav1.ObjectMeta{ResourceVersion: "10", Annotations: map[string]string{metav1.InitialEventsAnnotationKey: "true"}}
	switch {
	case strings.HasSuffix(r.URL.Path, "/pods"):
		count := c.Pods
		if ofNode(r) != "" {
			count = PerNode
		}
		return numbered(count, func(i int) runtime.Object { return Pod(i) }),
			&corev1.Pod{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}, ObjectMeta: end}
	case strings.HasSuffix(r.URL.Path, "/namespaces"):
		of := namespaceAs(r)
		return numbered((c.Pods+PerNamespace-1)/PerNamespace, func(i int) runtime.Object { return of(Namespace(i)) }), of(&corev1.Namespace{ObjectMeta: end})
	case strings.HasSuffix(r.URL.Path, "/networkpolicies"):
		return numbered(len(c.Policies), func(i int) runtime.Object { return c.Policies[i] }),
			&networkingv1.NetworkPolicy{TypeMeta: metav1.TypeMeta{APIVersion: "networking.k8s.io/v1", Kind: "NetworkPolicy"}, ObjectMeta: end}
	}
	return nil, nil
}

func numbered(count int, of func(int) runtime.Object) func(yield func(runtime.Object) bool) {
	return func(yield func(runtime.Object) bool) {
		for i := range count {
			if !yield(of(i)) {
				return
			}
		}
	}
}

// ofNode is the node whose pods alone a client asks for; "" for all.
func ofNode(r *http.Request) string {
	_, node, _ := strings.Cut(r.URL.Query().Get("fieldSelector"), "spec.nodeName=")
	return node
}

// namespaceAs makes of a namespace what the client asks for: the whole, or its metadata alone.
func namespaceAs(r *http.Request) func(*corev1.Namespace) runtime.Object {
	if !strings.Contains(r.Header.Get("Accept"), "as=PartialObjectMetadata") {
		return func(n *corev1.Namespace) runtime.Object {
			n.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"}
			return n
		}
	}
	return func(n *corev1.Namespace) runtime.Object {
		return &metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: "meta.k8s.io/v1", Kind: "PartialObjectMetadata"}, ObjectMeta: n.ObjectMeta}
	}
}

func send(w http.ResponseWriter, kind string, o runtime.Object) {
	object, err := runtime.Encode(protobuf.NewSerializer(scheme.Scheme, scheme.Scheme), o)
	if err != nil {
		return
	}
	frame, err := (&metav1.WatchEvent{Type: kind, Object: runtime.RawExtension{Raw: object}}).Marshal()
	if err != nil {
		return
	}
	_, _ = w.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(frame))), frame...)) //nolint:gosec // some kilobytes
}

func sendJSON(w http.ResponseWriter, status int, o any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(o)
}
