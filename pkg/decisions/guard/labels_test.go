package guard_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/guard"
	"data-space.liqo.io/pkg/values/apis"
)

func TestLabelsDecideWhatANamespaceShouldHave(t *testing.T) {
	type labels = map[string]string
	for name, test := range map[string]struct {
		labels                            labels
		foreign, configMap, networkPolicy bool
		findings                          []string
	}{
		"none":                     {labels: nil},
		"of somebody":              {labels: labels{"team": "a"}},
		"opted out alone":          {labels: labels{apis.LabelApplyNetpol: "maybe"}},
		"tenant":                   {labels: labels{apis.LabelRemoteCluster: "p", apis.LabelTenantNamespace: "true"}},
		"tenant by an empty label": {labels: labels{apis.LabelRemoteCluster: "p", apis.LabelTenantNamespace: ""}},
		"foreign":                  {labels: labels{apis.LabelRemoteCluster: "p"}, foreign: true, configMap: true, networkPolicy: true},
		"no webhook": {
			labels:  labels{apis.LabelRemoteCluster: "p", apis.LabelApplyWebhook: "false"},
			foreign: true, networkPolicy: true,
		},
		"no policy": {
			labels:  labels{apis.LabelRemoteCluster: "p", apis.LabelApplyNetpol: "false"},
			foreign: true, configMap: true,
		},
		"everything said out loud": {
			labels: labels{
				apis.LabelRemoteCluster: "p", apis.LabelApplyNetpol: "true", apis.LabelApplyWebhook: "true",
				apis.LabelNetpolAllow: "false", apis.LabelHTTPProxy: "true",
			},
			foreign: true, configMap: true, networkPolicy: true,
		},
		"nonsense keeps the guard": {
			labels:  labels{apis.LabelRemoteCluster: "p", apis.LabelApplyWebhook: "False", apis.LabelApplyNetpol: "0"},
			foreign: true, configMap: true, networkPolicy: true,
			findings: []string{
				`label data-space/apply-webhook="False" is not understood: use "true" or "false"; meanwhile the proxy's ConfigMap is kept and pods get the proxy`,
				`label data-space/apply-netpol="0" is not understood: use "true" or "false"; meanwhile the NetworkPolicy is kept`,
			},
		},
		"nonsense elsewhere": {
			labels:  labels{apis.LabelRemoteCluster: "", apis.LabelNetpolAllow: "yes", apis.LabelHTTPProxy: ""},
			foreign: true, configMap: true, networkPolicy: true,
			findings: []string{
				`label liqo.io/remote-cluster-id="" is not understood: use the guest's cluster id; meanwhile its pods do not reach the guest's other namespaces`,
				`label data-space/netpol-allow="yes" is not understood: use "true" or "false"; meanwhile foreign pods of other namespaces may not reach it`,
				`label data-space/http-proxy="" is not understood: use "true" or "false"; meanwhile containers are not told of the explicit HTTP proxy`,
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			v := guard.Judge(test.labels)
			require.Equal(t, test.foreign, v.Foreign)
			require.Equal(t, test.configMap, v.ConfigMap)
			require.Equal(t, test.networkPolicy, v.NetworkPolicy)
			var findings []string
			for _, f := range v.Findings {
				findings = append(findings, f.String())
			}
			require.Equal(t, test.findings, findings)
			if test.foreign {
				require.Equal(t, test.labels[apis.LabelRemoteCluster], v.GuestID)
			}
		})
	}
}
