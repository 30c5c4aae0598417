package policywatch_test

import (
	"encoding/binary"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
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
)

// largeCluster streams lists as a real API server does: pods of some kilobytes, then changes of them.
type largeCluster struct {
	pods      int
	perSecond int
}

func (l largeCluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/vnd.kubernetes.protobuf;stream=watch")
	end := metav1.ObjectMeta{ResourceVersion: "10", Annotations: map[string]string{metav1.InitialEventsAnnotationKey: "true"}}
	var last runtime.Object = &corev1.Namespace{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"}, ObjectMeta: end}
	switch {
	case strings.HasSuffix(r.URL.Path, "/pods"):
		for i := range l.pods {
			sendEvent(w, "ADDED", largePod(i, ""))
		}
		last = &corev1.Pod{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}, ObjectMeta: end}
	case strings.HasSuffix(r.URL.Path, "/networkpolicies"):
		last = &networkingv1.NetworkPolicy{TypeMeta: metav1.TypeMeta{APIVersion: "networking.k8s.io/v1", Kind: "NetworkPolicy"}, ObjectMeta: end}
	}
	sendEvent(w, "BOOKMARK", last)
	w.(http.Flusher).Flush()
	tick := time.NewTicker(time.Second / time.Duration(l.perSecond))
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-r.Context().Done():
			return
		case <-tick.C:
		}
		if strings.HasSuffix(r.URL.Path, "/pods") {
			sendEvent(w, "MODIFIED", largePod(20+i*37%(l.pods-20), fmt.Sprint(i)))
			w.(http.Flusher).Flush()
		}
	}
}

func sendEvent(w http.ResponseWriter, kind string, o runtime.Object) {
	object, err := runtime.Encode(protobuf.NewSerializer(scheme.Scheme, scheme.Scheme), o)
	if err != nil {
		return
	}
	frame, err := (&metav1.WatchEvent{Type: kind, Object: runtime.RawExtension{Raw: object}}).Marshal()
	if err != nil {
		return
	}
	_, _ = w.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(frame))), frame...))
}

// largePod is pod i as Kubernetes has it, some four kilobytes; churn is a label.
func largePod(i int, churn string) *corev1.Pod {
	p := &corev1.Pod{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{Namespace: fmt.Sprintf("namespace-%d", i/20), Name: fmt.Sprintf("deployment-5d8f7c9b6d-%05d", i), ResourceVersion: fmt.Sprint(1000 + i),
			Labels:        map[string]string{"app.kubernetes.io/name": fmt.Sprintf("app%d", i%10), "app.kubernetes.io/part-of": "shop", "pod-template-hash": "5d8f7c9b6d"},
			ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "kubelet", FieldsV1: metav1.NewFieldsV1(strings.Repeat("x", 2500))}}},
		Spec: corev1.PodSpec{NodeName: fmt.Sprintf("node-%d", i/20), Containers: []corev1.Container{{Name: "c", Image: "registry.example/image:tag",
			Env:   []corev1.EnvVar{{Name: "TEXT", Value: strings.Repeat("y", 800)}},
			Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}}}}},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, PodIPs: []corev1.PodIP{
			{IP: fmt.Sprintf("10.%d.%d.%d", i>>16&255, i>>8&255, i&255)}, {IP: fmt.Sprintf("2001:db8::%x:%x", i>>16, i&0xffff)}}},
	}
	if churn != "" {
		p.Labels["churn"] = churn
	}
	return p
}

// The agent's limit must hold in the largest clusters that Kubernetes supports (5,000 nodes); what it peaks at must not be
// much more than what it holds.
func TestALargeClusterFitsIntoTheShippedLimits(t *testing.T) {
	const pods, perSecond = 100000, 100
	h := httptest.NewServer(largeCluster{pods: pods, perSecond: perSecond})
	defer h.Close()
	n := startNode(t, &rest.Config{Host: h.URL}, "streamed")
	ready := n.ask("ready")
	require.Equal(t, pods, int(ready.Pods))
	before := n.ask("state")
	time.Sleep(8 * time.Second)
	after := n.ask("state")
	n.end()
	h.CloseClientConnections()
	core := 100 * (after.CPU - before.CPU).Seconds() / after.At.Sub(before.At).Seconds()
	t.Logf("%d pods: ready after %d ms; %d MiB resident (%d of them not the program's file), at most %d; heap %d MiB; %d changes took %.1f %% of a core",
		pods, ready.ReadyMS, after.RSS, after.Anonymous, after.Peak, after.Heap>>20, after.Changes-before.Changes, core)
	require.LessOrEqual(t, after.RSS, 100)
	require.LessOrEqual(t, float64(after.Peak), 1.3*float64(after.RSS))
	require.Less(t, core, 10.0, "the bar is 3; this machine may be busy")
}
