package taintreport

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/v1alpha1"
)

// namespaces is a cache that has these, and no GuestPolicy.
type namespaces struct {
	client.Reader
	all []metav1.PartialObjectMetadata
}

func (n namespaces) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	if into, is := list.(*metav1.PartialObjectMetadataList); is {
		into.Items = n.all
	}
	return nil
}

// While Liqo's label is lost, or names another guest, a pod is still judged as its guest's.
func TestAPodOfANamespaceThatLostItsLabelIsItsGuests(t *testing.T) {
	of := func(name string, labels map[string]string) metav1.PartialObjectMetadata {
		return metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}
	}
	r := &reporter{exempt: []string{"exempt"}, cached: namespaces{all: []metav1.PartialObjectMetadata{
		of("lost", map[string]string{apis.LabelGuest: "pharma"}),
		of("changed", map[string]string{apis.LabelGuest: "pharma", apis.LabelRemoteCluster: "rival"}),
		of("named", map[string]string{apis.LabelRemoteCluster: "rival"}),
		of("tenant", map[string]string{apis.LabelRemoteCluster: "rival", apis.LabelTenantNamespace: "true"}),
		of(v1alpha1.DefaultGuestPolicy, nil),
	}}}
	subjects, err := r.subjects(t.Context())
	require.NoError(t, err)
	for namespace, guest := range map[string]string{"lost": "pharma", "changed": "pharma", "named": "rival", v1alpha1.DefaultGuestPolicy: ""} {
		subject, judged := subjects(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace}})
		require.True(t, judged, namespace)
		require.Equal(t, guest, subject.Guest, namespace)
	}
	for _, namespace := range []string{"tenant", "exempt", metav1.NamespaceSystem} {
		_, judged := subjects(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace}})
		require.False(t, judged, namespace)
	}
}
