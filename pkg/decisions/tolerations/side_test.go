package tolerations

import (
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/values/apis"
)

func TestInAGuestsNamespaceTheGuestsRightDecides(t *testing.T) {
	for name, test := range map[string]struct {
		labels map[string]string
		side   Side
		guest  string
	}{
		"the Hospital's":                 {map[string]string{"team": "imaging"}, Authors, ""},
		"a guest's":                      {map[string]string{apis.LabelRemoteCluster: "pharma"}, Guests, "pharma"},
		"a guest's without a cluster id": {map[string]string{apis.LabelRemoteCluster: ""}, Guests, ""},
		"Liqo's own for a guest":         {map[string]string{apis.LabelRemoteCluster: "pharma", apis.LabelTenantNamespace: "true"}, Exempt, ""},
	} {
		side, guest := SideOf(test.labels)
		require.Equal(t, test.side, side, name)
		require.Equal(t, test.guest, guest, name)
	}
	require.Equal(t, "space", Subject{}.In("space", "").Guest)
	require.Equal(t, "pharma", Subject{}.In("space", "pharma").Guest)
	for _, namespace := range []string{"kube-system", apis.SystemNamespace, "argo"} {
		require.True(t, ExemptNamespace(namespace, []string{"argo"}), namespace)
	}
	require.False(t, ExemptNamespace("study", []string{"argo"}))
}
