package largecluster

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"data-space.liqo.io/test/apiserver"
)

// Real is a real API server and etcd that hold many pods.
type Real struct {
	*apiserver.Server
	Pods int
}

// Start starts them with the namespaces and pods of a Cluster. Whoever starts them stops them.
func Start(ctx context.Context, pods int) (*Real, error) {
	var etcd *envtest.Etcd
	server, err := apiserver.Start(func(c *envtest.ControlPlane) {
		c.GetAPIServer().Configure().Set("max-mutating-requests-inflight", "400").
			Set("disable-admission-plugins", "ServiceAccount,LimitRanger,ResourceQuota,DefaultTolerationSeconds,Priority")
		c.Etcd = &envtest.Etcd{}
		c.Etcd.Configure().Set("unsafe-no-fsync", "true").Set("quota-backend-bytes", "8000000000")
		etcd = c.Etcd
	})
	if err != nil {
		return nil, err
	}
	if err := fill(ctx, etcd.URL.String(), pods); err != nil {
		_ = server.Stop()
		return nil, err
	}
	return &Real{Server: server, Pods: pods}, nil
}

// Churn changes so many pods a second, all of them on other nodes than node-0: in turn a label that no policy names, and what
// policies do not concern.
func (r *Real) Churn(ctx context.Context, perSecond int, how time.Duration) error {
	cfg := rest.CopyConfig(r.Config)
	cfg.QPS, cfg.Burst = 1000, 1000
	cfg.ContentType, cfg.WarningHandler = protobufType, rest.NoWarnings{}
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	tick := time.NewTicker(time.Second / time.Duration(perSecond))
	defer tick.Stop()
	for i := range perSecond * int(how.Seconds()) {
		<-tick.C
		group.Go(func() error {
			p := Pod(PerNode + i*37%(r.Pods-PerNode))
			what := []string{"labels", "annotations"}[i%2]
			patch := fmt.Sprintf(`{"metadata":{%q:{"churn":"%d-%d"}}}`, what, time.Now().UnixNano(), i)
			_, err := client.CoreV1().Pods(p.Namespace).Patch(ctx, p.Name, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
			return err
		})
	}
	return group.Wait()
}
