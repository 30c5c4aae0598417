//go:build api

package policywatch_test

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"data-space.liqo.io/test/apiserver"
)

// BenchmarkLargeCluster states what one node's watch of a large cluster costs, in a process of its own with the shipped
// GOMEMLIMIT: the time until it knows all pods, the memory then and at most, and the processor time that 100 changes a second
// of other nodes' pods cost. NETPOL_PODS is the number of pods.
func BenchmarkLargeCluster(b *testing.B) {
	count, err := strconv.Atoi(os.Getenv("NETPOL_PODS"))
	if err != nil {
		count = 5000
	}
	server, err := apiserver.Start(func(c *envtest.ControlPlane) {
		c.GetAPIServer().Configure().Set("max-mutating-requests-inflight", "400").
			Set("disable-admission-plugins", "ServiceAccount,LimitRanger,ResourceQuota,DefaultTolerationSeconds,Priority")
		c.Etcd = &envtest.Etcd{}
		c.Etcd.Configure().Set("unsafe-no-fsync", "true").Set("quota-backend-bytes", "8000000000")
	})
	require.NoError(b, err)
	defer func() { require.NoError(b, server.Stop()) }()
	client := populate(b, server.Config, count)
	for _, way := range []string{"streamed", "paged"} {
		b.Run(way, func(b *testing.B) { measureNode(b, server.Config, client, count, way) })
	}
}

func measureNode(b *testing.B, cfg *rest.Config, client *kubernetes.Clientset, count int, way string) {
	b.Helper()
	n := startNode(b, cfg, way)
	ready := n.ask("ready")
	require.Equal(b, count, int(ready.Pods))
	b.ReportMetric(float64(ready.ReadyMS), "ready-ms")
	time.Sleep(5 * time.Second)
	before := n.ask("state")
	churn(b, client, count, 100, 20*time.Second)
	after := n.ask("state")
	n.end()
	b.ReportMetric(float64(before.RSS), "rss-MiB")
	b.ReportMetric(float64(after.Peak), "peak-MiB")
	b.ReportMetric(float64(after.Anonymous), "anonymous-MiB")
	b.ReportMetric(float64(after.Heap)/(1<<20), "heap-MiB")
	b.ReportMetric(100*(after.CPU-before.CPU).Seconds()/(after.At.Sub(before.At)).Seconds(), "core-percent-at-100/s")
	b.ReportMetric(float64(after.Changes-before.Changes), "changes")
	b.ReportMetric(0, "ns/op")
}

// churn changes so many pods a second, all of them on other nodes: in turn an annotation, and a label that no policy names.
func churn(b *testing.B, client *kubernetes.Clientset, count, perSecond int, how time.Duration) {
	b.Helper()
	var group errgroup.Group
	group.SetLimit(8)
	tick := time.NewTicker(time.Second / time.Duration(perSecond))
	defer tick.Stop()
	for i := range perSecond * int(how.Seconds()) {
		<-tick.C
		group.Go(func() error {
			n := 20 + i*37%(count-20)
			what := []string{"annotations", "labels"}[i%2]
			patch := fmt.Sprintf(`{"metadata":{%q:{"churn":"%d-%d"}}}`, what, time.Now().UnixNano(), i)
			_, err := client.CoreV1().Pods(fmt.Sprintf("namespace-%d", n/20)).Patch(b.Context(), podName(n), types.MergePatchType, []byte(patch), metav1.PatchOptions{})
			return err
		})
	}
	require.NoError(b, group.Wait())
}

// populate makes the pods, twenty to a namespace and a node.
func populate(b *testing.B, cfg *rest.Config, pods int) *kubernetes.Clientset {
	b.Helper()
	cfg = rest.CopyConfig(cfg)
	cfg.QPS, cfg.Burst = 100000, 100000
	cfg.ContentType = "application/vnd.kubernetes.protobuf"
	client, err := kubernetes.NewForConfig(cfg)
	require.NoError(b, err)
	var group errgroup.Group
	group.SetLimit(64)
	for n := range (pods + 19) / 20 {
		group.Go(func() error {
			name := fmt.Sprintf("namespace-%d", n)
			_, err := client.CoreV1().Namespaces().Create(b.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"team": fmt.Sprint(n % 7)}}}, metav1.CreateOptions{})
			for i := range 20 {
				if err == nil {
					err = makePod(b.Context(), client, name, n*20+i)
				}
			}
			return err
		})
	}
	require.NoError(b, group.Wait())
	return client
}

func podName(i int) string { return fmt.Sprintf("deployment-5d8f7c9b6d-%05d", i) }

func makePod(ctx context.Context, client *kubernetes.Clientset, namespace string, i int) error {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: podName(i), Labels: map[string]string{
			"app.kubernetes.io/name": fmt.Sprintf("app%d", i%10), "app.kubernetes.io/part-of": "shop", "pod-template-hash": "5d8f7c9b6d"}},
		Spec: corev1.PodSpec{NodeName: fmt.Sprintf("node-%d", i/20), Containers: []corev1.Container{{Name: "c", Image: "registry.example/image:tag",
			Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}}}}},
	}
	if _, err := client.CoreV1().Pods(namespace).Create(ctx, p, metav1.CreateOptions{}); err != nil {
		return err
	}
	ip4, ip6 := fmt.Sprintf("10.%d.%d.%d", i>>16&255, i>>8&255, i&255), fmt.Sprintf("2001:db8::1:%x", i&0xffff)
	status := fmt.Sprintf(`{"status":{"phase":"Running","podIP":%q,"podIPs":[{"ip":%q},{"ip":%q}]}}`, ip4, ip4, ip6)
	_, err := client.CoreV1().Pods(namespace).Patch(ctx, p.Name, types.MergePatchType, []byte(status), metav1.PatchOptions{}, "status")
	return err
}
