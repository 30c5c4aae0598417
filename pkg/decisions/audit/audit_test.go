package audit

import (
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/values/agentapi"
	"data-space.liqo.io/pkg/values/iptables"
)

func TestAPodIsAProblemUnlessItsAgentConfirmsThatItIsContained(t *testing.T) {
	running := Pod{Namespace: "pharma-space", Name: "study", UID: "1", Guest: "pharma", Node: "worker", Started: true}
	enforced := agentapi.EndpointStatus{UID: "1", State: agentapi.Enforced, Rules: iptables.Counts{"v4": {"filter": 12, "nat": 6}}}
	for name, c := range map[string]struct {
		pod      func(p *Pod)
		endpoint func(e *agentapi.EndpointStatus)
		answer   func(a *Answer)
		problem  string // a part of it; empty: none
	}{
		"enforced":            {},
		"a proxy that starts": {endpoint: func(e *agentapi.EndpointStatus) { e.State, e.Reason = agentapi.Closed, "ProxyDown" }},
		"a suspended guest":   {endpoint: func(e *agentapi.EndpointStatus) { e.State, e.Reason = agentapi.Closed, "Suspended" }},
		"no proxy":            {endpoint: func(e *agentapi.EndpointStatus) { e.State, e.Reason = agentapi.Closed, "ProxyMissing" }, problem: "create the pod again"},
		"quarantined": {endpoint: func(e *agentapi.EndpointStatus) { e.State, e.Message = agentapi.Quarantined, "Capabilities: NET_RAW" },
			problem: "Capabilities: NET_RAW"},
		"failed":             {endpoint: func(e *agentapi.EndpointStatus) { e.State, e.Message = agentapi.Failed, "no module" }, problem: "no module"},
		"a state unknown":    {endpoint: func(e *agentapi.EndpointStatus) { e.State = "Odd" }, problem: "see the pod's Events"},
		"exempt":             {endpoint: func(e *agentapi.EndpointStatus) { e.State = agentapi.Exempt }, problem: "does not guard"},
		"no frame filter":    {endpoint: func(e *agentapi.EndpointStatus) { e.Frames = &agentapi.FrameStatus{Open: []string{"eth0"}} }, problem: "no frame filter"},
		"a frame filter":     {endpoint: func(e *agentapi.EndpointStatus) { e.Frames = &agentapi.FrameStatus{Node: []string{"veth1"}} }},
		"another pod's UID":  {endpoint: func(e *agentapi.EndpointStatus) { e.UID = "2" }, problem: "does not know the pod"},
		"runs unenforced":    {endpoint: func(e *agentapi.EndpointStatus) { e.State = agentapi.Pending }, problem: "has not enforced it yet"},
		"not started":        {pod: func(p *Pod) { p.Started = false }, endpoint: func(e *agentapi.EndpointStatus) { e.State = agentapi.Pending }},
		"not yet known":      {pod: func(p *Pod) { p.Started = false }, endpoint: func(e *agentapi.EndpointStatus) { e.UID = "2" }},
		"host network":       {pod: func(p *Pod) { p.HostNetwork = true }, problem: "network of its node"},
		"opted out":          {pod: func(p *Pod) { p.OptedOut, p.HostNetwork = true, true }, endpoint: func(e *agentapi.EndpointStatus) { e.State = agentapi.Exempt }},
		"another node":       {pod: func(p *Pod) { p.Node = "other" }, problem: "does not answer"},
		"silent agent":       {answer: func(a *Answer) { a.Status, a.Problem = nil, "it hangs" }, problem: "does not answer"},
		"reported elsewhere": {pod: func(p *Pod) { p.Node = "second" }, problem: "the agent of node worker reports the pod"},
	} {
		t.Run(name, func(t *testing.T) {
			p, e := running, enforced
			if c.pod != nil {
				c.pod(&p)
			}
			if c.endpoint != nil {
				c.endpoint(&e)
			}
			a := Answer{Node: "worker", Status: &agentapi.NodeStatus{Ready: true, Backend: "nft", Endpoints: []agentapi.EndpointStatus{e}}}
			if c.answer != nil {
				c.answer(&a)
			}
			r := Judge([]Pod{p}, []Answer{a, {Node: "second", Status: &agentapi.NodeStatus{Ready: true}}})
			require.Len(t, r.Pods, 1)
			require.Equal(t, c.problem == "", r.Healthy)
			require.Contains(t, r.Pods[0].Problem, c.problem)
			require.Equal(t, c.problem == "", r.Pods[0].Problem == "")
		})
	}
}

func TestANodeIsAProblemUnlessItsAgentIsReady(t *testing.T) {
	pods := []Pod{{Name: "study", UID: "1", Node: "new", Started: true}, {Name: "done", UID: "2", Node: "old", Ended: true}, {Name: "waiting", UID: "3"}}
	r := Judge(pods, []Answer{
		{Node: "well", Status: &agentapi.NodeStatus{Ready: true, Backend: "nft"}},
		{Node: "starting", Status: &agentapi.NodeStatus{}},
		{Node: "full", Status: &agentapi.NodeStatus{Ready: true, Problems: []string{"disk full"}}},
		{Node: "silent", Problem: "time is up"},
		{Node: "gone"},
	})
	problems := map[string]string{}
	for _, n := range r.Nodes {
		for _, p := range n.Problems {
			problems[n.Name] += p
		}
	}
	require.False(t, r.Healthy)
	require.Len(t, r.Nodes, 6)
	require.NotContains(t, problems, "well")
	require.Equal(t, "disk full", problems["full"])
	require.Equal(t, "time is up", problems["silent"])
	require.Equal(t, noAgent, problems["gone"])
	require.Equal(t, noAgent, problems["new"], "a node that has a foreign pod and no agent")
	require.Contains(t, problems["starting"], "not ready")
	require.Len(t, r.Pods, 1, "a pod that has ended, or is not scheduled, sends nothing")
}

func TestRowsAreSortedAndHaveWhatTheAgentRead(t *testing.T) {
	pods := []Pod{{Guest: "b", Name: "x", UID: "1", Node: "n"}, {Guest: "a", Namespace: "s", Name: "y", UID: "2", Node: "n"}, {Guest: "a", Namespace: "s", Name: "x", UID: "3", Node: "n"}}
	r := Judge(pods, []Answer{{Node: "n", Status: &agentapi.NodeStatus{Ready: true, Endpoints: []agentapi.EndpointStatus{
		{UID: "3", State: agentapi.Enforced, Backend: "nft", Hash: "h", Rules: iptables.Counts{"v4": {"filter": 12, "nat": 6}, "v6": {"filter": 1}}, DriftRepaired: 2}}}}})
	require.Equal(t, []string{"x", "y", "x"}, []string{r.Pods[0].Name, r.Pods[1].Name, r.Pods[2].Name})
	require.Equal(t, Row{Guest: "a", Namespace: "s", Name: "x", Node: "n", State: agentapi.Enforced, Backend: "nft", Hash: "h", Rules: 19, Repaired: 2}, r.Pods[0])
	require.Equal(t, 3, r.Nodes[0].Pods)
}

func TestAnEmptyClusterIsHealthy(t *testing.T) {
	require.Equal(t, Report{Healthy: true, Nodes: []Node{}, Pods: []Row{}}, Judge(nil, nil))
}
