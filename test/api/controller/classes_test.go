//go:build api

package controller

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	nodev1 "k8s.io/api/node/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/values/v1alpha1"
)

func TestAClassThatDoesNotExistIsNamedInTheCondition(t *testing.T) {
	w := newWorld(t)
	w.start(t)
	w.decide(t, "classy", v1alpha1.GuestPolicySpec{Workload: &v1alpha1.Workload{
		RuntimeClasses: []v1alpha1.ObjectName{"boxed"}, PriorityClasses: []v1alpha1.ObjectName{"system-cluster-critical", "urgent"},
		StorageClasses: []v1alpha1.ObjectName{"archive"}, IngressClasses: []v1alpha1.ObjectName{"public"},
	}})
	eventually(t, "each is named, with the field", func() bool {
		c := w.accepted(t, "classy")
		for _, problem := range []string{"runtimeClasses[0]: the RuntimeClass boxed does", "priorityClasses[1]: the PriorityClass urgent", "storageClasses[0]: the StorageClass archive", "ingressClasses[0]: the IngressClass public"} {
			if !strings.Contains(c.Message, problem) {
				return false
			}
		}
		return c.Status == metav1.ConditionFalse && c.Reason == "UnknownClass" && !strings.Contains(c.Message, "system-cluster-critical")
	})
	class := &nodev1.RuntimeClass{ObjectMeta: metav1.ObjectMeta{Name: "boxed"}, Handler: "boxed"}
	require.NoError(t, w.client.Create(t.Context(), class))
	t.Cleanup(func() { require.NoError(t, client.IgnoreNotFound(w.client.Delete(context.Background(), class))) })
	eventually(t, "until it exists", func() bool { m := w.accepted(t, "classy").Message; return m != "" && !strings.Contains(m, "boxed") })
	require.NoError(t, w.client.Delete(t.Context(), class))
	eventually(t, "and again when it is gone", func() bool { return strings.Contains(w.accepted(t, "classy").Message, "boxed") })
	w.decide(t, "classy", v1alpha1.GuestPolicySpec{Workload: &v1alpha1.Workload{PriorityClasses: []v1alpha1.ObjectName{"system-cluster-critical"}}})
	eventually(t, "all that exist are in force", func() bool { return w.accepted(t, "classy").Status == metav1.ConditionTrue })
}
