package guestsettings

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/values/v1alpha1"
)

func TestMarksAreWhatOthersThanTheWebhookNeedOfAGuestsSettings(t *testing.T) {
	types := func(mode v1alpha1.Mode, list ...v1alpha1.ServiceType) v1alpha1.GuestPolicySpec {
		return v1alpha1.GuestPolicySpec{Workload: &v1alpha1.Workload{Mode: mode, ServiceTypes: list}}
	}
	for _, c := range []struct {
		spec v1alpha1.GuestPolicySpec
		want Marks
	}{
		{v1alpha1.GuestPolicySpec{}, Marks{}},
		{v1alpha1.GuestPolicySpec{State: v1alpha1.Active}, Marks{}},
		{v1alpha1.GuestPolicySpec{State: v1alpha1.Suspended}, Marks{Suspended: true}},
		{types(""), Marks{}},
		{types("", "ClusterIP"), Marks{}},
		{types("", "NodePort", "ClusterIP", "LoadBalancer"), Marks{ServiceTypes: "LoadBalancer,NodePort"}},
		{types(v1alpha1.Audit), Marks{ServiceTypes: "LoadBalancer,NodePort"}},
	} {
		require.Equal(t, c.want, MarksOf(c.spec), "%+v", c.spec)
	}
}

func TestAPatchSetsWhatAGuestHasAndRemovesTheRest(t *testing.T) {
	for marks, want := range map[Marks]string{
		{}: `{"annotations":{"data-space.liqo.io/service-types":null},"labels":{"data-space.liqo.io/suspended":null}}`,
		{Suspended: true, ServiceTypes: "NodePort"}: `{"annotations":{"data-space.liqo.io/service-types":"NodePort"},"labels":{"data-space.liqo.io/suspended":"true"}}`,
	} {
		text, err := json.Marshal(marks.Patch())
		require.NoError(t, err)
		require.JSONEq(t, want, string(text))
	}
	require.Equal(t, Marks{Suspended: true, ServiceTypes: "NodePort"}, MarksIn(
		map[string]string{"data-space.liqo.io/suspended": "true"}, map[string]string{"data-space.liqo.io/service-types": "NodePort"}))
	require.Equal(t, Marks{}, MarksIn(map[string]string{"data-space.liqo.io/suspended": "false"}, nil))
}
