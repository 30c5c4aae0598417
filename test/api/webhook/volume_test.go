//go:build api

package webhook

import (
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// staticVolumes: with Kubernetes' own volume controller, a claim without a class gets the Hospital's static volume in every
// namespace but a guest's, where there is no such claim.
func staticVolumes(t *testing.T, w *world) {
	t.Helper()
	records := &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: "records"},
		Spec: corev1.PersistentVolumeSpec{
			Capacity: corev1.ResourceList{"storage": resource.MustParse("1Gi")}, AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			PersistentVolumeSource:        corev1.PersistentVolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/records"}},
			PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimRetain,
		},
	}
	w.create(t, records)
	w.deleteLater(t, records)
	w.run(t, "KUBE_CONTROLLER_MANAGER", "--controllers=persistentvolume-binder-controller", "--pvclaimbinder-sync-period=1s")
	namespace, outside := w.guestSpace(t), w.namespace(t, nil)
	wanted := classed(claim("records", ""), nil, ptr(""))
	wanted.Namespace = namespace
	require.NotEmpty(t, causes(t, w.tenant(t).Create(t.Context(), wanted.DeepCopy())))
	wanted.Namespace = outside
	w.create(t, wanted)
	require.Eventually(t, func() bool {
		require.NoError(t, w.client.Get(t.Context(), client.ObjectKeyFromObject(wanted), wanted))
		return wanted.Spec.VolumeName == "records"
	}, waitLong, waitStep, "the annotation works outside foreign namespaces")
}
