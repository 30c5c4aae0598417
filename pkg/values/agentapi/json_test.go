package agentapi_test

import (
	"encoding/json"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/values/agentapi"
	"data-space.liqo.io/pkg/values/iptables"
)

// Programs of others read this: a field may be added, none may go or change its name.
func TestTheJSONStaysAsItIs(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for want, value := range map[string]any{
		`{"node":"n","ready":true,"backend":"nft","backendSign":"s","runtime":"r","criSocket":"c","runtimeEvents":true,"problems":["p"],"endpoints":[` +
			`{"namespace":"ns","name":"p","uid":"u","guest":"g","state":"Quarantined","reason":"r","message":"m",` +
			`"quarantine":[{"reason":"Capabilities","container":"c","message":"m"}],"sandbox":"b","netns":7,"ips":["192.0.2.1"],` +
			`"proxy":{"container":"c","pid":1,"cgroup":"/c","cgroupInode":2},"backend":"nft","rules":{"ipv4":{"nat":6}},` +
			`"drift":[{"family":"ipv4","kind":"missing","where":"nat/OUTPUT","what":"rule"}],"hash":"h",` +
			`"frames":{"node":["veth"],"dropped":3},"lastVerified":"2026-01-02T03:04:05Z","lastWritten":"2026-01-02T03:04:05Z","writes":1,"driftRepaired":2}]}`: agentapi.NodeStatus{
			Node: "n", Ready: true, Backend: "nft", BackendSign: "s", Runtime: "r", Socket: "c", Events: true, Problems: []string{"p"},
			Endpoints: []agentapi.EndpointStatus{{
				Namespace: "ns", Name: "p", UID: "u", Guest: "g", State: agentapi.Quarantined, Reason: "r", Message: "m",
				Findings: []agentapi.Finding{{Reason: "Capabilities", Container: "c", Message: "m"}}, Sandbox: "b", Netns: 7,
				IPs: []netip.Addr{netip.MustParseAddr("192.0.2.1")}, Proxy: &agentapi.ProxyStatus{Container: "c", PID: 1, Cgroup: "/c", CgroupInode: 2},
				Backend: "nft", Rules: iptables.Counts{"ipv4": {"nat": 6}},
				Drift: []agentapi.Difference{{Family: "ipv4", Kind: "missing", Where: "nat/OUTPUT", What: "rule"}}, Hash: "h",
				Frames: &agentapi.FrameStatus{Node: []string{"veth"}, Dropped: 3}, LastVerified: &at, LastWritten: &at, Writes: 1, DriftRepaired: 2,
			}},
		},
		`{"node":"n","allowed":false,"unknownAddress":true,"egress":{"pod":"x/a","allowed":true,"policy":"x/p","rule":"r","chain":"C"},` +
			`"ingress":{"pod":"x/b","allowed":false,"against":["x/q"]},"text":"t","inForce":true}`: agentapi.Explanation{
			Node: "n", Unknown: true, Egress: agentapi.Side{Pod: "x/a", Allowed: true, Policy: "x/p", Rule: "r", Chain: "C"},
			Ingress: agentapi.Side{Pod: "x/b", Against: []string{"x/q"}}, Text: "t", InForce: true,
		},
		`{"node":"n","inForce":true,"backend":"nft","denial":"REJECT","unknown":"foreign","podCIDRs":["192.0.2.0/24"],"policies":1,"policiesOnNode":2,` +
			`"pods":3,"localPods":4,"isolatedPods":5,"driftRepaired":6,"lastDrift":[{"family":"ipv4","what":"chain","name":"C","how":"missing"}],` +
			`"refused":[{"family":"ipv6","reason":"no-ingress","packets":7}]}`: agentapi.PolicyStatus{
			Node: "n", InForce: true, Backend: "nft", Denial: "REJECT", Unknown: "foreign", PodCIDRs: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")},
			Policies: 1, PoliciesOn: 2, Pods: 3, LocalPods: 4, Isolated: 5, DriftRepaired: 6,
			LastDrift: []agentapi.PolicyDrift{{Family: "ipv4", What: "chain", Name: "C", How: "missing"}},
			Refused:   []agentapi.Refused{{Family: "ipv6", Reason: "no-ingress", Packets: 7}},
		},
	} {
		text, err := json.Marshal(value)
		require.NoError(t, err)
		require.Equal(t, want, string(text))
	}
}
