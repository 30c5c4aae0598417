package v1alpha1_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/labels"

	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/v1alpha1"
)

func TestGuestsNamespacesAreSelectedByTheirLabel(t *testing.T) {
	require.Equal(t, apis.LabelRemoteCluster, v1alpha1.GuestNamespaces().String(), "as the API server is asked")
	require.True(t, v1alpha1.GuestNamespaces().Matches(labels.Set{apis.LabelRemoteCluster: ""}))
	require.False(t, v1alpha1.GuestNamespaces().Matches(labels.Set{"x": "y"}))
}
