package policywatch

import (
	"log/slog"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"

	"data-space.liqo.io/pkg/decisions/netpol"
	"data-space.liqo.io/pkg/values/netpolicy"
)

func pod(name string, edit func(*corev1.Pod)) *corev1.Pod {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name}, Status: corev1.PodStatus{PodIP: "192.0.2.1"}}
	if edit != nil {
		edit(p)
	}
	return p
}

func TestNothingIsTakenBeforeAllListsAreThere(t *testing.T) {
	q := &queue{news: make(chan struct{}, 1), missing: 2}
	pods, namespaces := newStore(q, newPods().read, gonePod, stripPod), newStore(q, readNamespace, goneNamespace, stripNamespace)
	require.NoError(t, pods.Replace([]any{pod("a", nil)}, ""))
	require.Empty(t, q.take())
	require.False(t, q.complete())
	require.NoError(t, namespaces.Replace([]any{&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "ns"}}}, ""))
	require.Len(t, q.take(), 2)
	require.True(t, q.complete())
}

func TestAListTellsWhatIsGone(t *testing.T) {
	q := &queue{news: make(chan struct{}, 1)}
	s := newStore(q, newPods().read, gonePod, stripPod)
	require.NoError(t, s.Replace([]any{pod("a", nil), pod("b", nil)}, ""))
	q.missing = 0
	q.take()
	require.NoError(t, s.Replace([]any{pod("b", nil)}, ""))
	require.Equal(t, []netpol.Change{netpol.PodSeen{Pod: netpolicy.PodOf(pod("b", nil))}, netpol.PodGone{Key: netpolicy.Key{Namespace: "ns", Name: "a"}}}, q.take())
}

func TestPodsOfNoConcernAreToldOnceAsGone(t *testing.T) {
	q := &queue{news: make(chan struct{}, 1)}
	s := newStore(q, newPods().read, gonePod, stripPod)
	require.NoError(t, s.Add(pod("host", func(p *corev1.Pod) { p.Spec.HostNetwork = true })))
	require.Empty(t, q.take())
	require.NoError(t, s.Add(pod("a", nil)))
	require.NoError(t, s.Update(pod("a", func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded })))
	require.NoError(t, s.Delete(pod("a", nil)))
	require.NoError(t, s.Delete(cache.DeletedFinalStateUnknown{Key: "ns/a", Obj: pod("a", nil)}))
	require.Len(t, q.take(), 2)
	require.NoError(t, s.Resync())
}

func TestAnotherKindIsAnError(t *testing.T) {
	q := &queue{news: make(chan struct{}, 1)}
	for _, read := range []func(any) (reading, error){newPods().read, readNamespace, policies{slog.New(slog.DiscardHandler)}.read} {
		s := newStore(q, read, gonePod, nil)
		require.ErrorContains(t, s.Add("text"), "string")
		require.Error(t, s.Delete("text"))
		require.Error(t, s.Replace([]any{"text"}, ""))
	}
	for _, strip := range []cache.TransformFunc{stripPod, stripNamespace, stripPolicy} {
		same, err := strip("text")
		require.NoError(t, err)
		require.Equal(t, "text", same)
	}
}

func TestStrippingLosesNothingThatIsRead(t *testing.T) {
	always := corev1.ContainerRestartPolicyAlways
	now := metav1.Now()
	full := pod("a", func(p *corev1.Pod) {
		p.Labels, p.DeletionTimestamp, p.CreationTimestamp, p.UID = map[string]string{"a": "b"}, &now, now, "u"
		p.Annotations, p.ManagedFields = map[string]string{"big": "text"}, []metav1.ManagedFieldsEntry{{Manager: "m"}}
		p.Spec.NodeName = "n"
		p.Spec.Containers = []corev1.Container{{Image: "i"}, {Name: "c", Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 80}}}}
		p.Spec.InitContainers = []corev1.Container{{RestartPolicy: &always, Ports: []corev1.ContainerPort{{Name: "dns", ContainerPort: 53, Protocol: corev1.ProtocolUDP}}}}
		p.Status.PodIPs = []corev1.PodIP{{IP: "192.0.2.1"}, {IP: "2001:db8::1"}}
	})
	stripped, err := stripPod(full)
	require.NoError(t, err)
	require.Equal(t, netpolicy.PodOf(full), netpolicy.PodOf(stripped.(*corev1.Pod)))
	require.Empty(t, stripped.(*corev1.Pod).Annotations)

	policy := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "np", Annotations: map[string]string{"big": "text"}},
		Spec: networkingv1.NetworkPolicySpec{Ingress: []networkingv1.NetworkPolicyIngressRule{{From: []networkingv1.NetworkPolicyPeer{{}}}}}}
	strippedPolicy, err := stripPolicy(policy)
	require.NoError(t, err)
	want, _ := policies{slog.New(slog.DiscardHandler)}.read(policy)
	got, err := policies{slog.New(slog.DiscardHandler)}.read(strippedPolicy)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func TestPodsShareWhatIsEqual(t *testing.T) {
	q := &queue{news: make(chan struct{}, 1)}
	s := newStore(q, newPods().read, gonePod, stripPod)
	for _, name := range []string{"a", "b"} {
		require.NoError(t, s.Add(pod(name, func(p *corev1.Pod) { p.Labels = map[string]string{"app": "web"} })))
	}
	changes := q.take()
	changes[0].(netpol.PodSeen).Pod.Labels["app"] = "changed for both"
	require.Equal(t, "changed for both", changes[1].(netpol.PodSeen).Pod.Labels["app"])

	known := map[string]int{}
	for i := range manyShared + 1 {
		shared(known, strconv.Itoa(i), i)
	}
	require.Len(t, known, 1)
}
