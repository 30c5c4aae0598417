package agentcli

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/values/agentapi"
)

func TestTheStateOfPoliciesForPeople(t *testing.T) {
	var b strings.Builder
	require.NoError(t, printPolicyStatus(&b, agentapi.PolicyStatus{
		Node: "node-1", InForce: true, Backend: "nft", Denial: "REJECT", Policies: 5, PoliciesOn: 1, LocalPods: 3, Isolated: 2, DriftRepaired: 1,
		Problems: []string{"pods behind bridge cni0 reach each other"},
	}, time.Now()))
	require.Equal(t, "NetworkPolicy on node node-1: in force, iptables-nft, denial REJECT; 1 of 5 policies select 2 of 3 pods here; verified never; drift repaired 1\n"+
		"problem: pods behind bridge cni0 reach each other\n", b.String())
}

func TestAnExplanationForPeople(t *testing.T) {
	var b strings.Builder
	text := "egress of x/a: allowed by \"r\" in C\ningress of x/b: refused, none of its policies allows it (x/q) in D"
	require.NoError(t, printExplanation(&b, agentapi.Explanation{Node: "node-1", Text: text}))
	require.Equal(t, "refused on node node-1\n"+text+"\nbut the kernel does not hold it yet: policies are not in force\n", b.String())
}
