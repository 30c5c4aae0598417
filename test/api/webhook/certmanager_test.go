//go:build api

package webhook

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// TestCertManagerComponent renders the component with kubectl, as its users do.
func TestCertManagerComponent(t *testing.T) {
	assets := os.Getenv("KUBEBUILDER_ASSETS")
	require.NotEmpty(t, assets, "KUBEBUILDER_ASSETS is unset: name the directory that holds kube-apiserver, etcd and kubectl")
	directory := t.TempDir()
	require.NoError(t, os.CopyFS(filepath.Join(directory, "cert-manager"), os.DirFS(filepath.Join(root, "deploy/cert-manager"))))
	manifest, err := os.ReadFile(filepath.Join(root, "deploy/webhook.yaml"))
	require.NoError(t, err)
	for file, text := range map[string]string{
		"deploy/webhook.yaml":       string(manifest),
		"deploy/kustomization.yaml": "resources: [webhook.yaml]\n",
		"mine/kustomization.yaml":   "resources: [../deploy]\ncomponents: [../cert-manager]\n",
	} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(directory, file)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(directory, file), []byte(text), 0o600))
	}
	rendered, err := exec.Command(filepath.Join(assets, "kubectl"), "kustomize", filepath.Join(directory, "mine")).Output()
	require.NoError(t, err)

	kinds := map[string]*unstructured.Unstructured{}
	for _, object := range decode(t, rendered) {
		kinds[object.GetKind()] = object
	}
	require.NotContains(t, kinds, "Secret")
	require.NotContains(t, kinds, "Role")
	require.NotContains(t, kinds, "RoleBinding")
	require.Contains(t, kinds, "Certificate")
	for _, kind := range []string{"MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"} {
		require.Equal(t, "data-spacer/data-space-webhook", kinds[kind].GetAnnotations()["cert-manager.io/inject-ca-from"], kind)
	}

	role, plain, deployment := &rbacv1.ClusterRole{}, &rbacv1.ClusterRole{}, &appsv1.Deployment{}
	require.NoError(t, runtime.DefaultUnstructuredConverter.FromUnstructured(kinds["ClusterRole"].Object, role))
	for _, object := range decode(t, manifest) {
		if object.GetKind() == "ClusterRole" {
			require.NoError(t, runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, plain))
		}
	}
	require.Equal(t, slices.DeleteFunc(slices.Clone(plain.Rules), func(r rbacv1.PolicyRule) bool {
		return slices.Contains(r.APIGroups, "admissionregistration.k8s.io")
	}), role.Rules)
	require.Len(t, role.Rules, len(plain.Rules)-1, "cert-manager tells the API server the CA")
	require.NoError(t, runtime.DefaultUnstructuredConverter.FromUnstructured(kinds["Deployment"].Object, deployment))
	spec := deployment.Spec.Template.Spec
	require.Contains(t, spec.Containers[0].Args, "--cert-source=files")
	require.Equal(t, secretName, spec.Volumes[0].Secret.SecretName)
	require.Nil(t, spec.Volumes[0].EmptyDir)
}
