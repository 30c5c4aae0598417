//go:build api && bench

package controller

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/decisions/leastpriv"
)

const (
	costNamespaces = 20
	costWorkloads  = 1000
	costServices   = 300
)

// TestWhatPoliciesOfWorkloadsCost measures 1,000 workloads in 20 namespaces, each of which names three of 300 Services: from the controller's
// start to all policies, beside as many bare writes of NetworkPolicies, and one change. The bars are 20 s, 1 s, and a write for each changed policy.
func TestWhatPoliciesOfWorkloadsCost(t *testing.T) {
	w := newWorkloads(t)
	var spaces []string
	for range costNamespaces {
		spaces = append(spaces, w.on(t))
	}
	each(t, costServices, func(i int) {
		name := fmt.Sprint("w", i)
		assert.NoError(t, w.client.Create(t.Context(), &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Namespace: spaces[i%costNamespaces], Name: name},
			Spec: corev1.ServiceSpec{ // headless: the test's API server has 254 addresses
				ClusterIP: corev1.ClusterIPNone, Selector: map[string]string{"app": name}, Ports: []corev1.ServicePort{{Port: 80, TargetPort: intstr.FromInt32(8080)}},
			},
		}))
	})
	each(t, costWorkloads, func(i int) {
		var variables []string
		for _, j := range []int{i, i + 7, i + 111} {
			variables = append(variables, fmt.Sprint("V", j), fmt.Sprintf("http://w%d.%s.svc.cluster.local", j%costServices, spaces[j%costServices%costNamespaces]))
		}
		w.deploy(t, spaces[i%costNamespaces], fmt.Sprint("w", i), variables...)
	})
	bare := w.namespace(t, nil)
	began := time.Now()
	each(t, costWorkloads+costNamespaces, func(i int) {
		require.NoError(t, w.client.Create(t.Context(), &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: bare, Name: fmt.Sprint("p", i)}}))
	})
	floor := time.Since(began)

	began = time.Now()
	p := w.startWorkloads(t)
	count := func() int {
		var list metav1.PartialObjectMetadataList // the count shall not be what is measured
		list.SetGroupVersionKind(networkingv1.SchemeGroupVersion.WithKind("NetworkPolicyList"))
		require.NoError(t, w.client.List(t.Context(), &list, client.HasLabels{leastpriv.LabelPolicy}))
		return len(list.Items)
	}
	require.Eventually(t, func() bool { return count() == costWorkloads+costNamespaces }, 5*time.Minute, 5*waitStep)
	cold := time.Since(began)
	time.Sleep(quiet)
	require.Equal(t, costWorkloads+costNamespaces, writes(p), "one write for each policy")

	began = time.Now()
	d := &appsv1.Deployment{}
	require.NoError(t, w.client.Get(t.Context(), client.ObjectKey{Namespace: spaces[0], Name: "w0"}, d))
	d.Spec.Template.Spec = podOf("V", "http://w55."+spaces[55%costNamespaces])
	require.NoError(t, w.client.Update(t.Context(), d))
	require.Eventually(t, func() bool {
		return strings.Contains(w.reasons(t, spaces[55%costNamespaces], "data-space-deployment-w55"), "Deployment "+spaces[0]+"/w0,")
	}, time.Minute, 10*time.Millisecond)
	change := time.Since(began)
	time.Sleep(quiet)
	changed := writes(p) - costWorkloads - costNamespaces
	require.Equal(t, 4, changed, "its own policy, those of two others that it named, and that of the one that it names now")
	t.Logf("%d workloads, %d Services: cold %s, as many bare writes %s (ratio %.2f); one change %s, %d writes for %d changed policies; the controller's memory at most %s",
		costWorkloads, costServices, cold.Round(time.Millisecond), floor.Round(time.Millisecond), cold.Seconds()/floor.Seconds(), change.Round(time.Millisecond), changed, 4, peak(t, p))
}

// peak is the most memory that the process has had.
func peak(t *testing.T, p *process) string {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.command.Process.Pid))
	require.NoError(t, err)
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	line, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(line)
}

// writes counts those that the controller logged.
func writes(p *process) int {
	text := p.output.String()
	return strings.Count(text, "msg=created policy=") + strings.Count(text, "msg=updated policy=") + strings.Count(text, "msg=deleted policy=") + strings.Count(text, `"msg":"created","policy"`) + strings.Count(text, `"msg":"updated","policy"`)
}

// each runs something four times at a time, as the controller writes.
func each(t *testing.T, n int, do func(int)) {
	t.Helper()
	var group errgroup.Group
	group.SetLimit(4)
	for i := range n {
		group.Go(func() error { do(i); return nil })
	}
	require.NoError(t, group.Wait())
}
