//go:build api && bench

package controller

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/values/apis"
)

// TestWhatPodsOfAGuestTakeOfTheController measures the controller's memory beside pods of a megabyte each, in a guest's namespace that is on. The
// component allows it 512 MiB.
func TestWhatPodsOfAGuestTakeOfTheController(t *testing.T) {
	const pods, most = 200, 384
	w := newWorkloads(t)
	guest := w.on(t, apis.LabelRemoteCluster, "pharma")
	var text strings.Builder
	for i := 0; text.Len() < 60<<10; i++ {
		fmt.Fprintf(&text, "n%d.b.svc ", i)
	}
	var variables []string
	for i := range 15 {
		variables = append(variables, fmt.Sprint("V", i), text.String())
	}
	each(t, pods, func(i int) {
		require.NoError(t, w.client.Create(t.Context(), &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: guest, Name: fmt.Sprint("p", i), Labels: map[string]string{"app": fmt.Sprint(i)}}, Spec: podOf(variables...),
		}))
	})
	for _, way := range []string{"true", "false"} {
		t.Setenv("KUBE_FEATURE_WatchListClient", way)
		p := w.startWorkloads(t)
		eventually(t, "each pod has its policy", func() bool { return len(w.policyNames(t, guest)) == pods+1 })
		kib, err := strconv.Atoi(strings.Fields(peak(t, p))[0])
		require.NoError(t, err)
		t.Logf("%d pods of a guest with %d KiB of variables each, lists streamed: %s: the controller's memory at most %d MiB", pods, len(variables)/2*text.Len()>>10, way, kib>>10)
		require.Less(t, kib>>10, most)
		p.stop(t)
		require.NoError(t, w.client.DeleteAllOf(t.Context(), &networkingv1.NetworkPolicy{}, client.InNamespace(guest)))
	}
}
