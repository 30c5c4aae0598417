//go:build api

package policywatch_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
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

	"data-space.liqo.io/pkg/decisions/netpol"
	"data-space.liqo.io/pkg/effects/policywatch"
	"data-space.liqo.io/test/apiserver"
)

// BenchmarkLargeCluster states what one node's watch of a large cluster costs: the time until it knows all pods, and what
// it holds then. NETPOL_PODS is the number of pods.
func BenchmarkLargeCluster(b *testing.B) {
	pods, err := strconv.Atoi(os.Getenv("NETPOL_PODS"))
	if err != nil {
		pods = 5000
	}
	server, err := apiserver.Start(func(c *envtest.ControlPlane) {
		c.GetAPIServer().Configure().Set("max-mutating-requests-inflight", "400").
			Set("disable-admission-plugins", "ServiceAccount,LimitRanger,ResourceQuota,DefaultTolerationSeconds,Priority")
		c.Etcd = &envtest.Etcd{}
		c.Etcd.Configure().Set("unsafe-no-fsync", "true").Set("quota-backend-bytes", "8000000000")
	})
	require.NoError(b, err)
	defer func() { require.NoError(b, server.Stop()) }()
	cfg := server.Config
	populate(b, cfg, pods)

	before := held()
	w, err := policywatch.New(cfg, slog.New(slog.DiscardHandler))
	require.NoError(b, err)
	x := netpol.New(netpol.Settings{Node: "node-0", IPv6: true})
	var mu sync.Mutex
	var events atomic.Int64
	ready := make(chan struct{})
	ctx, stop := context.WithCancel(b.Context())
	var running sync.WaitGroup
	began := time.Now()
	running.Go(func() {
		w.Run(ctx, func(changes []netpol.Change) {
			mu.Lock()
			defer mu.Unlock()
			x.Apply(changes...)
			events.Add(int64(len(changes)))
		}, func() { close(ready) })
	})
	<-ready
	b.ReportMetric(float64(time.Since(began).Milliseconds()), "sync-ms")
	b.ReportMetric(float64(held()-before)/(1<<20), "heap-MiB")
	debug.FreeOSMemory()
	b.ReportMetric(float64(resident()), "rss-MiB")
	b.ReportMetric(float64(events.Load()), "objects")
	stop()
	running.Wait()
	runtime.KeepAlive(x)
}

func held() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func resident() int {
	text, _ := os.ReadFile("/proc/self/statm")
	var size, pages int
	_, _ = fmt.Sscan(string(text), &size, &pages)
	return pages * os.Getpagesize() >> 20
}

// populate makes the pods, twenty to a namespace and a node.
func populate(b *testing.B, cfg *rest.Config, pods int) {
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
}

func makePod(ctx context.Context, client *kubernetes.Clientset, namespace string, i int) error {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("deployment-5d8f7c9b6d-%05d", i), Labels: map[string]string{
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
