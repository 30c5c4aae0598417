package guestsettings

import (
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/values/v1alpha1"
)

func TestATenantSuspendsItsGuestWhereTheHospitalWantsIt(t *testing.T) {
	suspends := func(when v1alpha1.TenantSuspension, conditions ...string) bool {
		var tenants []Tenant
		for _, c := range conditions {
			tenants = append(tenants, Tenant{Guest: "pharma", Condition: c})
		}
		_, suspended := BySuspendingTenant(v1alpha1.GuestPolicySpec{SuspendWithTenant: when}, tenants)
		return suspended
	}
	for when, suspending := range map[v1alpha1.TenantSuspension][]string{
		"": nil, v1alpha1.TenantNever: nil, v1alpha1.TenantDrained: {"Drained"}, v1alpha1.TenantCordoned: {"Cordoned", "Drained"},
	} {
		for _, condition := range []string{"", "Active", "Cordoned", "Drained", "drained"} {
			want := false
			for _, c := range suspending {
				want = want || c == condition
			}
			require.Equal(t, want, suspends(when, condition), "%s by %s", when, condition)
			require.Equal(t, want, suspends(when, "Active", condition), "one of several Tenants suffices")
		}
		require.False(t, suspends(when), "without a Tenant")
		require.Equal(t, len(suspending) > 0, WantsTenant(v1alpha1.GuestPolicySpec{SuspendWithTenant: when}))
	}
}

func TestATenantIsReadInEachVersion(t *testing.T) {
	require.Equal(t, Tenant{Guest: "pharma", Condition: "Drained"}, TenantIn(map[string]any{
		"spec": map[string]any{"clusterID": "pharma", "tenantCondition": "Drained"}}))
	require.Equal(t, Tenant{Guest: "pharma"}, TenantIn(map[string]any{
		"spec": map[string]any{"clusterIdentity": map[string]any{"clusterID": "pharma"}}}))
	for _, object := range []map[string]any{nil, {"spec": "x"}, {"spec": map[string]any{"clusterID": 1, "tenantCondition": 2, "clusterIdentity": "x"}}} {
		require.Equal(t, Tenant{}, TenantIn(object))
	}
}
