//go:build api && bench

package controller

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/v1alpha1"
)

// TestWhatTheReportOfRunningPodsTakes measures the controller's memory while it looks at pods of a guest that are as large as the API server stores.
// Its manifest allows it 192 MiB.
func TestWhatTheReportOfRunningPodsTakes(t *testing.T) {
	const pods, most = 120, 176
	w := newWorld(t)
	guest := w.namespace(t, map[string]string{apis.LabelRemoteCluster: "pharma-large"})
	text := strings.Repeat("x", 60<<10)
	var variables []string
	for i := range 22 {
		variables = append(variables, fmt.Sprint("V", i), text)
	}
	each(t, pods, func(i int) {
		require.NoError(t, w.client.Create(t.Context(), &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: guest, Name: fmt.Sprint("p", i)}, Spec: podOf(variables...)}))
	})
	p := w.start(t)
	eventually(t, "the namespace is guarded", func() bool { return w.configMap(t, guest) != nil })
	rest := peak(t, p)
	taint := &v1alpha1.ProtectedTaint{ObjectMeta: metav1.ObjectMeta{Name: "large"}, Spec: v1alpha1.ProtectedTaintSpec{Taint: v1alpha1.Taint{Key: "large.example/x"}}}
	require.NoError(t, w.client.Create(t.Context(), taint))
	t.Cleanup(func() { _ = w.client.Delete(context.Background(), taint) })
	eventually(t, "it has looked", func() bool {
		now := &v1alpha1.ProtectedTaint{}
		require.NoError(t, w.client.Get(t.Context(), client.ObjectKeyFromObject(taint), now))
		return now.Status.ObservedGeneration == now.Generation
	})
	kib, err := strconv.Atoi(strings.Fields(peak(t, p))[0])
	require.NoError(t, err)
	t.Logf("%d pods with %d KiB of variables each: the controller's memory at most %d MiB; before the look %s", pods, len(variables)/2*len(text)>>10, kib>>10, rest)
	require.Less(t, kib>>10, most)
}
