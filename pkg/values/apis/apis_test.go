package apis_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/values/apis"
)

func TestOnlyAGuestsNamespaceIsForeign(t *testing.T) {
	for name, c := range map[string]struct {
		labels  map[string]string
		foreign bool
	}{
		"no labels":                          {nil, false},
		"a guest's":                          {map[string]string{apis.LabelRemoteCluster: "pharma"}, true},
		"a guest's whose id is empty":        {map[string]string{apis.LabelRemoteCluster: ""}, true},
		"Liqo's own tenant namespace":        {map[string]string{apis.LabelRemoteCluster: "pharma", apis.LabelTenantNamespace: "true"}, false},
		"a tenant namespace, whatever value": {map[string]string{apis.LabelRemoteCluster: "pharma", apis.LabelTenantNamespace: "false"}, false},
		"the hospital's own":                 {map[string]string{apis.LabelNetpolAllow: "true"}, false},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.foreign, apis.IsForeign(c.labels)) })
	}
}

func TestOnlyTheExactWordSwitches(t *testing.T) {
	for value, enabled := range map[string]bool{"false": false, "true": true, "False": true, "no": true, "": true} {
		require.Equal(t, enabled, apis.WebhookEnabled(map[string]string{apis.LabelApplyWebhook: value}), value)
	}
	require.True(t, apis.WebhookEnabled(nil))
	for value, wanted := range map[string]bool{"true": true, "false": false, "yes": false, "": false} {
		require.Equal(t, wanted, apis.HTTPProxyWanted(map[string]string{apis.LabelHTTPProxy: value}), value)
	}
}
