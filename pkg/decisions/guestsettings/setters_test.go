package guestsettings

import (
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/values/v1alpha1"
)

func TestASetterIsThePolicyWhoseValueHolds(t *testing.T) {
	base := v1alpha1.GuestPolicySpec{State: v1alpha1.Active, Workload: &v1alpha1.Workload{
		Devices: []v1alpha1.ExtendedResource{"example.org/gpu"}, Exec: v1alpha1.Denied,
	}}
	own := v1alpha1.GuestPolicySpec{
		Workload:   &v1alpha1.Workload{Devices: []v1alpha1.ExtendedResource{}},
		Scheduling: &v1alpha1.Scheduling{NodeSelector: map[string]string{"a": "b"}},
	}
	require.Equal(t, map[string]string{
		"spec.state": "default", "spec.workload.devices": "pharma", "spec.workload.exec": "default", "spec.scheduling.nodeSelector": "pharma",
	}, Setters("pharma", base, own))
	require.Empty(t, Setters("pharma", v1alpha1.GuestPolicySpec{}, v1alpha1.GuestPolicySpec{}))
	for path, policy := range Setters("pharma", full("base"), full("own")) {
		require.Equal(t, "pharma", policy, path)
	}
}
