package past

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/happening"
	"data-space.liqo.io/pkg/values/fact"
	"data-space.liqo.io/pkg/values/netpolicy"
)

// A pod of a StatefulSet is created again on another node while the agent of the first one is down.
func TestAPodThatTwoNodesHaveIsNotKnown(t *testing.T) {
	r := New(time.Unix(1000, 0))
	add := func(node string, kind fact.Kind, reason, pod, ip string) {
		r.Add(happening.Event{Node: node, Kind: string(kind), Reason: reason, Namespace: "x", Pod: pod, Details: map[string]string{"ips": ip}})
	}
	for _, node := range []string{"first", "second"} {
		add(node, fact.AgentStarted, "", "", "")
		add(node, fact.PolicyInForce, "", "", "")
	}
	add("first", fact.PodSeen, "Added", "web-0", "10.0.1.1")
	add("second", fact.PodSeen, "Added", "client", "10.0.2.2")
	web, client := netip.MustParseAddr("10.0.1.1"), netip.MustParseAddr("10.0.2.2")
	questions := []Question{
		{Pod: netpolicy.Key{Namespace: "x", Name: "web-0"}, Other: client, Incoming: true, Protocol: netpolicy.TCP, Port: 80},
		{Pod: netpolicy.Key{Namespace: "x", Name: "client"}, Other: web, Protocol: netpolicy.TCP, Port: 80},
	}
	for _, q := range questions {
		require.True(t, r.Judge(q).Known, "%+v", q)
	}
	add("second", fact.PodSeen, "Added", "web-0", "10.0.2.1")
	for _, q := range questions {
		a := r.Judge(q)
		require.False(t, a.Known, "%+v", q)
		require.Equal(t, []string{"on which of the nodes first, second pod x/web-0 was"}, a.Missing)
	}
	add("first", fact.PodSeen, "Gone", "web-0", "")
	require.True(t, r.Judge(questions[0]).Known)
}
