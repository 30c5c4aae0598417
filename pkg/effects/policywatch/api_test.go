//go:build api

package policywatch_test

import (
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"data-space.liqo.io/pkg/decisions/netpol"
	"data-space.liqo.io/pkg/effects/policywatch"
	"data-space.liqo.io/pkg/values/netpolicy"
	"data-space.liqo.io/test/apiserver"
)

// The addresses of x/a and y/b.
const a, b = "203.0.113.10", "203.0.113.11"

// followed is an index that follows a real API server.
type followed struct {
	*kubernetes.Clientset
	watch *policywatch.Watch
	t     *testing.T
	mu    sync.Mutex
	x     *netpol.Index
}

func follow(t *testing.T, way string) *followed {
	t.Helper()
	server, err := apiserver.Start()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop()) })
	f := &followed{Clientset: server.Clients, t: t, x: netpol.New(netpol.Settings{Node: "here"})}
	f.namespace("x", nil)
	f.namespace("y", nil)

	cfg := rest.CopyConfig(server.Config)
	if way == "paged" {
		cfg.Wrap(func(next http.RoundTripper) http.RoundTripper { return noStreams{next} })
	}
	w, err := policywatch.New(cfg, slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})))
	require.NoError(t, err)
	f.watch = w
	policywatch.RunInto(t, w, &f.mu, f.x)
	return f
}

func (f *followed) namespace(name string, labels map[string]string) {
	f.t.Helper()
	ctx := f.t.Context()
	_, err := f.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}, metav1.CreateOptions{})
	require.NoError(f.t, err)
	_, err = f.CoreV1().ServiceAccounts(name).Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "default"}}, metav1.CreateOptions{})
	require.NoError(f.t, err)
}

func (f *followed) pod(namespace, name, ip string) {
	f.t.Helper()
	ctx := f.t.Context()
	p, err := f.CoreV1().Pods(namespace).Create(ctx, &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"name": name}},
		Spec:       corev1.PodSpec{NodeName: "here", Containers: []corev1.Container{{Name: "c", Image: "i", Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 80}}}}},
	}, metav1.CreateOptions{})
	require.NoError(f.t, err)
	p.Status = corev1.PodStatus{Phase: corev1.PodRunning, PodIP: ip, PodIPs: []corev1.PodIP{{IP: ip}}}
	_, err = f.CoreV1().Pods(namespace).UpdateStatus(ctx, p, metav1.UpdateOptions{})
	require.NoError(f.t, err)
}

// becomes waits until packets from y/b to x/a pass, or not.
func (f *followed) becomes(allowed bool) {
	f.t.Helper()
	p := netpol.Packet{From: netip.MustParseAddr(b), To: netip.MustParseAddr(a), Protocol: netpolicy.TCP, Port: 80}
	require.Eventually(f.t, func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.x.Allowed(p) == allowed
	}, 30*time.Second, 5*time.Millisecond)
}

func TestTheIndexFollowsTheAPIServer(t *testing.T) {
	for _, way := range []string{"streamed", "paged"} {
		t.Run(way, func(t *testing.T) { testFollowing(t, way) })
	}
}

func testFollowing(t *testing.T, way string) {
	t.Helper()
	f := follow(t, way)
	ctx := t.Context()
	f.pod("x", "a", a)
	f.pod("y", "b", b)
	policy := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Name: "p"}, Spec: networkingv1.NetworkPolicySpec{
		Ingress: []networkingv1.NetworkPolicyIngressRule{{From: []networkingv1.NetworkPolicyPeer{{NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"team": "red"}}}}}}}}
	policy, err := f.NetworkingV1().NetworkPolicies("x").Create(ctx, policy, metav1.CreateOptions{})
	require.NoError(t, err)
	f.becomes(false)

	patch := func(path string) []byte { return []byte(path) }
	_, err = f.CoreV1().Namespaces().Patch(ctx, "y", types.MergePatchType, patch(`{"metadata":{"labels":{"team":"red"}}}`), metav1.PatchOptions{})
	require.NoError(t, err)
	f.becomes(true)

	policy.Spec.Ingress[0].From[0].PodSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"role": "client"}}
	_, err = f.NetworkingV1().NetworkPolicies("x").Update(ctx, policy, metav1.UpdateOptions{})
	require.NoError(t, err)
	f.becomes(false)

	_, err = f.CoreV1().Pods("y").Patch(ctx, "b", types.MergePatchType, patch(`{"metadata":{"labels":{"role":"client"}}}`), metav1.PatchOptions{})
	require.NoError(t, err)
	f.becomes(true)

	_, err = f.CoreV1().Pods("y").Patch(ctx, "b", types.MergePatchType, patch(`{"status":{"phase":"Succeeded"}}`), metav1.PatchOptions{}, "status")
	require.NoError(t, err)
	f.becomes(false)

	reasons, err := f.watch.Reasons(ctx, netpolicy.Key{Namespace: "x", Name: "p"})
	require.NoError(t, err)
	require.Empty(t, reasons, "a policy that a person wrote has none, whatever it says")
	_, err = f.NetworkingV1().NetworkPolicies("x").Patch(ctx, "p", types.MergePatchType,
		patch(`{"metadata":{"labels":{"data-space.liqo.io/workload-policy":"enforce"},"annotations":{"data-space.liqo.io/reasons":"from pods a: b\nto pods c: d\nto pods e: f\n"}}}`), metav1.PatchOptions{})
	require.NoError(t, err)
	reasons, err = f.watch.Reasons(ctx, netpolicy.Key{Namespace: "x", Name: "p"})
	require.NoError(t, err)
	require.Equal(t, policywatch.Reasons{Ingress: []string{"from pods a: b"}, Egress: []string{"to pods c: d", "to pods e: f"}}, reasons)

	require.NoError(t, f.NetworkingV1().NetworkPolicies("x").Delete(ctx, "p", metav1.DeleteOptions{}))
	f.becomes(true)
}
