//go:build api

package webhook

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"data-space.liqo.io/pkg/values/apis"
)

// calledOnce: a pod that no plugin of the API server changes after its injection is injected by one call, not two, whatever value the
// guests' PriorityClass has.
func calledOnce(t *testing.T, w *world) {
	t.Helper()
	namespace := w.foreign(t)
	once := func(value int32) {
		t.Helper()
		require.Eventually(t, func() bool {
			before := w.calls(t)
			p := pod(namespace, "")
			p.Name, p.GenerateName = "", "app-"
			// While the webhook has not seen a class that was made again, the API server rejects the value of the earlier one.
			return w.client.Create(t.Context(), p) == nil && *p.Spec.Priority == value && w.calls(t) == before+1
		}, waitLong, waitStep)
	}
	once(-1)
	never := corev1.PreemptNever
	class := func(value int32) *schedulingv1.PriorityClass {
		return &schedulingv1.PriorityClass{ObjectMeta: metav1.ObjectMeta{Name: apis.GuestPriorityClass}, Value: value, PreemptionPolicy: &never}
	}
	require.NoError(t, w.client.Delete(t.Context(), class(-1)))
	w.create(t, class(-7))
	once(-7)
	require.NoError(t, w.client.Delete(t.Context(), class(-7)))
	w.create(t, class(-1))
	once(-1)
}

// calls returns how often the API server has called the webhook to inject.
func (w *world) calls(t *testing.T) int {
	t.Helper()
	raw, err := w.clients.CoreV1().RESTClient().Get().AbsPath("/metrics").DoRaw(t.Context())
	require.NoError(t, err)
	sum := 0
	for line := range strings.Lines(string(raw)) {
		if strings.HasPrefix(line, `apiserver_admission_webhook_admission_duration_seconds_count{name="inject-pod.data-space.liqo.io"`) {
			count := 0
			_, err := fmt.Sscanf(line[strings.LastIndex(line, " ")+1:], "%d", &count)
			require.NoError(t, err)
			sum += count
		}
	}
	return sum
}
