//go:build api || bench

package webhook

import (
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"data-space.liqo.io/pkg/values/v1alpha1"
)

const reservedKey, reservedValue = "example.com/reserved", "study"

func (w *world) createTaint(t *testing.T, taint *v1alpha1.ProtectedTaint) {
	t.Helper()
	taint.SetGroupVersionKind(v1alpha1.GroupVersion().WithKind("ProtectedTaint"))
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(taint)
	require.NoError(t, err)
	delete(fields, "status")
	w.create(t, &unstructured.Unstructured{Object: fields})
}

func protectedTaint(name, key, value string) *v1alpha1.ProtectedTaint {
	return &v1alpha1.ProtectedTaint{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.ProtectedTaintSpec{
		Taint: v1alpha1.Taint{Key: v1alpha1.LabelKey(key), Value: value}, AllowedUsers: []string{"alice"}, AllowedGroups: []string{"team"},
	}}
}
