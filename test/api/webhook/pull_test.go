//go:build api

package webhook

import (
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// pullSecrets: why the proxy has no pull secret in guests' namespaces. A pod names Secrets of its own namespace only, and what is there the guest
// reads by Liqo's role, which its virtual kubelet needs, or has mounted into a pod. Admission sees no reads.
func pullSecrets(t *testing.T, w *world) {
	t.Helper()
	namespace, tenant := w.guestSpace(t), w.tenant(t)
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "registry"}, Type: corev1.SecretTypeDockerConfigJson,
		StringData: map[string]string{corev1.DockerConfigJsonKey: `{"auths":{"registry.example":{"auth":"aG9zcGl0YWw6c2VjcmV0"}}}`},
	}
	w.create(t, secret)
	read := &corev1.Secret{}
	require.NoError(t, tenant.Get(t.Context(), client.ObjectKeyFromObject(secret), read))
	require.Contains(t, string(read.Data[corev1.DockerConfigJsonKey]), "aG9zcGl0YWw6c2VjcmV0")
	spec := pod(namespace, "reader").Spec
	spec.Volumes = []corev1.Volume{{Name: "registry", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "registry"}}}}
	shadow := shadowPodOf(t, "reader", spec)
	shadow.SetNamespace(namespace)
	require.NoError(t, tenant.Create(t.Context(), shadow))
}
