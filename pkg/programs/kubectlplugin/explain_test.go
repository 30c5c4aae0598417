package kubectlplugin

import (
	"bytes"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/values/agentapi"
)

func TestAConnectionThatThePodsOwnRulesEndIsRefusedWhateverNetworkPolicyAllows(t *testing.T) {
	rules := agentapi.PodRules{EndpointStatus: agentapi.EndpointStatus{State: agentapi.Enforced}, Chains: []agentapi.RuleChain{
		{Family: "ipv4", Table: "filter", Name: "OUTPUT", Rules: []agentapi.Rule{{Words: "-p udp -m comment --comment ds-out-drop-udp -j DROP", Reason: "It is not the proxy's.", Packets: 7}}},
	}}
	allowed := agentapi.Explanation{Node: "well", Allowed: true, InForce: true, Text: "egress: allowed, no policy judges it"}
	explain := func(about any, protocol string) (string, error) {
		var out bytes.Buffer
		cluster := nodes{"well": map[string]any{agentapi.ExplainPath: allowed, agentapi.RulesPath: about}}
		err := Explain(t.Context(), cluster, &out, "pharma-space", "study", Style{Form: FormTable}, Connection{To: "10.0.0.7:443", Protocol: protocol})
		return out.String(), err
	}
	text, err := explain(rules, "udp")
	require.ErrorIs(t, err, ErrRefused)
	require.Contains(t, text, "refused on node well")
	require.Contains(t, text, "in the pod: refused by filter/OUTPUT ds-out-drop-udp (7 packets): It is not the proxy's. The pod is Enforced")
	require.Contains(t, text, "egress: allowed")
	text, err = explain(nil, "udp")
	require.NoError(t, err, "not a foreign pod")
	require.NotContains(t, text, "in the pod")
	text, err = explain(errors.New(agentapi.NoForeignPod+"pharma-space/study on this node"), "udp")
	require.NoError(t, err, "%s", text)
	_, err = explain(errors.New("the disk is full"), "udp")
	require.ErrorContains(t, err, "the disk is full")
}
