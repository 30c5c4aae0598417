package tolerations

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestASettingsDocumentBecomesAProtectedTaint(t *testing.T) {
	got, err := Manifest([]byte(`{"taint":{"key":"dedicated","value":"tenantA"},"allowed_users":["alice"],"allowed_groups":["team"]}`), "")
	require.NoError(t, err)
	require.Equal(t, `apiVersion: data-space.liqo.io/v1alpha1
kind: ProtectedTaint
metadata:
  name: dedicated-tenanta
spec:
  allowedGroups:
  - team
  allowedUsers:
  - alice
  taint:
    key: dedicated
    value: tenantA
`, string(got))
	got, err = Manifest([]byte("taint: {key: gpu}"), "gpu-nodes")
	require.NoError(t, err)
	require.Equal(t, "apiVersion: data-space.liqo.io/v1alpha1\nkind: ProtectedTaint\nmetadata:\n  name: gpu-nodes\nspec:\n  taint:\n    key: gpu\n", string(got))

	_, err = Manifest([]byte("taint: {key: gpu}"), "GPU")
	require.ErrorContains(t, err, `--name: "GPU" is not an object's name`)
	_, err = Manifest([]byte("taint: {key: node.kubernetes.io/not-ready}"), "")
	require.ErrorContains(t, err, "taint.key: \"node.kubernetes.io/not-ready\" is a taint of Kubernetes")
	_, err = Manifest([]byte("taint: {}"), "")
	require.ErrorContains(t, err, "taint.key: missing")
}
