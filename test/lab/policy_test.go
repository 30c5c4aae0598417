//go:build lab

package lab

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
)

// TestPoliciesOfTheWholeCluster: the CNI of the lab enforces none, so what is refused is refused by the agents.
func TestPoliciesOfTheWholeCluster(t *testing.T) {
	w := newTown(t, deployed(t), "town-space", nil, "a1", "a2", "b1", "b2", "c1", "c2")
	w.machines(t)
	w.serve(t, "a1", "b1", "b2", "c2")
	t.Run("each node has another mode of kube-proxy", w.modes)
	t.Run("what is allowed passes, and nothing else", w.verdicts)
	t.Run("a policy ends the connections that it forbids", w.ends)
	t.Run("a capture sees what a policy stops", w.captures)
	t.Run("the kubelet's probes succeed in a pod that is closed to all", w.probes)
	t.Run("the rules stand while the agents are killed, and while there are none", w.stand)
	t.Run("uninstalling takes chains and sets away", w.uninstalled)
}

func (w *town) verdicts(t *testing.T) {
	for _, step := range []struct {
		name     string
		policies []string
		want     []string
	}{
		{
			"without a policy everything is open", nil,
			[]string{
				"a1 > b1:8080 yes", "a1 > b2:8080 yes", "a2 > b1:8080 yes", "a2 > b2:9090 yes", "c1 > b2:9090 yes", "node1 > b2:8080 yes",
				"control > b1:8080 yes", "b1 > node1:18080 yes", "b1 > node2:18080 yes", "a1 > service-b2:80 yes", "a2 > service-b1:80 yes",
				"b1 > service-b1:80 yes", "b2 > service-b2:80 yes", "node1 > service-b2:80 yes", "control > service-b1:80 yes",
			},
		},
		{
			"ingress is judged where the destination runs",
			[]string{`only-a: podSelector: {matchLabels: {pod: b}}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchLabels: {pod: a}}}], ports: [{port: 8080}]}]`},
			[]string{
				"a1 > b1:8080 yes", "a1 > b2:8080 yes", "a2 > b1:8080 yes", "a2 > b2:8080 yes", "a1 > b1:9090 no", "a1 > b2:9090 no",
				"c1 > b1:8080 no", "c1 > b2:8080 no", "c2 > b1:8080 no", "c2 > b2:8080 no", "b1 > b2:8080 no", "b1 > c2:8080 yes", "b2 > c1:8080 yes",
			},
		},
		{
			"egress is judged where the source runs",
			[]string{`a-to-b: podSelector: {matchLabels: {pod: a}}, policyTypes: [Egress], egress: [{to: [{podSelector: {matchLabels: {pod: b}}}]}]`},
			[]string{
				"a1 > b1:8080 yes", "a1 > b2:9090 yes", "a2 > b1:8080 yes", "a2 > b2:8080 yes", "a1 > c1:8080 no", "a1 > c2:8080 no",
				"a2 > c1:8080 no", "a1 > a2:8080 no", "c1 > a1:8080 yes", "c2 > a1:8080 yes",
			},
		},
		{
			"what one direction allows the other may still refuse",
			[]string{
				`a-to-b: podSelector: {matchLabels: {pod: a}}, policyTypes: [Egress], egress: [{to: [{podSelector: {matchLabels: {pod: b}}}]}]`,
				`b-from-c: podSelector: {matchLabels: {pod: b}}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchLabels: {pod: c}}}]}]`,
			},
			[]string{"a1 > b1:8080 no", "a1 > b2:8080 no", "a2 > b1:8080 no", "a2 > c1:8080 no", "c1 > b1:8080 yes", "c1 > b2:8080 yes"},
		},
		{
			"one policy that selects both ends judges each by itself",
			[]string{`within: podSelector: {}, policyTypes: [Ingress, Egress], egress: [{}], ingress: [{from: [{podSelector: {matchLabels: {pod: a}}}]}]`},
			[]string{"a1 > b1:8080 yes", "a1 > b2:8080 yes", "b1 > a1:8080 no", "b1 > a2:8080 no", "b2 > c2:8080 no", "b1 > b1:8080 yes"},
		},
		{
			"a named port is what the destination calls it, for ingress",
			[]string{`web: podSelector: {matchLabels: {pod: b}}, policyTypes: [Ingress], ingress: [{ports: [{port: web}]}]`},
			[]string{"a1 > b1:8080 yes", "a1 > b1:9090 no", "a1 > b2:9090 yes", "a1 > b2:8080 no", "a2 > b1:8080 yes", "a2 > b2:8080 no"},
		},
		{
			"and for egress",
			[]string{`web: podSelector: {matchLabels: {pod: a}}, policyTypes: [Egress], egress: [{ports: [{port: web}]}]`},
			[]string{"a1 > b1:8080 yes", "a1 > b1:9090 no", "a1 > b2:9090 yes", "a1 > b2:8080 no", "a2 > b1:8080 yes", "a2 > c2:9090 yes"},
		},
		{
			"addresses without exceptions",
			[]string{fmt.Sprintf(`blocks: podSelector: {matchLabels: {pod: a}}, policyTypes: [Egress], egress: [{to: [%s, %s]}]`,
				w.block(t, "c2", 0), w.block(t, "c2", 1))},
			[]string{"a1 > c2:8080 yes", "a2 > c2:8080 yes", "a1 > b2:8080 no", "a1 > c1:8080 no"},
		},
		{
			"a Service is judged by the pod and the port behind it",
			[]string{
				`a-to-b: podSelector: {matchLabels: {pod: a}}, policyTypes: [Egress], egress: [{to: [{podSelector: {matchLabels: {pod: b}}}], ports: [{port: 8080}]}]`,
				`b-from-a: podSelector: {matchLabels: {pod: b}}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchLabels: {pod: a}}}]}]`,
			},
			[]string{
				"a1 > service-b1:80 yes", "a1 > service-b2:80 yes", "a2 > service-b1:80 yes", "a2 > service-b2:80 yes",
				"a1 > service-c2:80 no", "a2 > service-c2:80 no", "c1 > service-b1:80 no", "c2 > service-b1:80 no", "c1 > service-b2:80 no",
			},
		},
		{
			"the port of the Service itself opens nothing",
			[]string{`a-80: podSelector: {matchLabels: {pod: a}}, policyTypes: [Egress], egress: [{ports: [{port: 80}]}]`},
			[]string{"a1 > service-b1:80 no", "a1 > service-b2:80 no", "a2 > service-b2:80 no"},
		},
		{
			"closed to all: a pod still reaches itself, by its Service too, and its node reaches it; no other node does, nor it any",
			[]string{closed},
			[]string{
				"b1 > b1:8080 yes", "b2 > b2:8080 yes", "b1 > service-b1:80 yes", "b2 > service-b2:80 yes", "b1 > service-b2:80 no",
				"b2 > service-b1:80 no", "node1 > b1:8080 yes", "node2 > b2:8080 yes", "node1 > b2:8080 no", "node2 > b1:8080 no",
				"control > b1:8080 no", "control > b2:8080 no", "node1 > service-b2:80 no", "control > service-b2:80 no",
				"b1 > node1:18080 no", "b1 > node2:18080 no", "b2 > node2:18080 no",
			},
		},
		{
			"nodes are addresses",
			[]string{
				closed,
				fmt.Sprintf(`b-to-node1: podSelector: {matchLabels: {pod: b}}, policyTypes: [Egress], egress: [{to: [%s, %s]}]`,
					w.block(t, "node1", 0), w.block(t, "node1", 1)),
				fmt.Sprintf(`b-from-node1: podSelector: {matchLabels: {pod: b}}, policyTypes: [Ingress], ingress: [{from: [%s, %s]}]`,
					w.block(t, "node1", 0), w.block(t, "node1", 1)),
			},
			[]string{
				"b1 > node1:18080 yes", "b2 > node1:18080 yes", "b1 > node2:18080 no", "b2 > node2:18080 no", "node1 > b2:8080 yes",
				"node2 > b1:8080 no", "control > b1:8080 no", "a1 > node1:18080 no",
			},
		},
	} {
		t.Run(step.name, func(t *testing.T) {
			w.clear(t)
			w.apply(t, step.policies...)
			w.see(t, step.want...)
			w.explained(t, step.want...)
		})
	}
	w.clear(t)
	t.Run("and open again when all are gone", func(t *testing.T) { w.see(t, "a1 > b2:8080 yes", "control > b1:8080 yes", "b1 > node2:18080 yes") })
}

// closed is the policy that allows nothing to any pod.
const closed = `closed: podSelector: {}, policyTypes: [Ingress, Egress]`

// block is the ipBlock of one address of a pod or machine.
func (w *town) block(t *testing.T, name string, family int) string {
	t.Helper()
	ip := w.addresses(t, name)[family]
	return fmt.Sprintf(`{ipBlock: {cidr: "%s/%d"}}`, ip, ip.BitLen())
}

// explained asks the agents of both ends about each line between two pods: what they say must be what is.
func (w *town) explained(t *testing.T, lines ...string) {
	t.Helper()
	group := errgroup.Group{}
	group.SetLimit(4)
	for _, s := range w.sights(t, lines...) {
		from, to := s.from.pod, w.podAt(s.to.Addr())
		if s.to.Addr().Is6() || from.Name == "" || from.Spec.HostNetwork || to.Name == "" {
			continue
		}
		group.Go(func() error {
			source := netip.MustParseAddr(from.Status.PodIP)
			out, err := w.world.Explain(t.Context(), from.Spec.NodeName, source, s.to)
			if err != nil {
				return err
			}
			in, err := w.world.Explain(t.Context(), to.Spec.NodeName, source, s.to)
			if err == nil && (out.Allowed && in.Allowed) != (s.who != "") {
				err = fmt.Errorf("%s, but the agents say: %s; %s", s.text, out.Text, in.Text)
			}
			return err
		})
	}
	require.NoError(t, group.Wait())
}

// podAt is the town's pod with an address; none is named "".
func (w *town) podAt(address netip.Addr) corev1.Pod {
	for _, h := range w.homes {
		if !h.pod.Spec.HostNetwork && h.pod.Status.PodIP == address.String() {
			return h.pod
		}
	}
	return corev1.Pod{}
}

// modes: Services are written by iptables on one node, by nftables on the other, so that what the town sees holds for both.
func (w *town) modes(t *testing.T) {
	for node, mode := range map[string]string{"node1": "iptables", "node2": "nftables"} {
		chains, tables := w.homes[node].output(t, "iptables-nft-save", "-t", "nat"), w.homes[node].output(t, "nft", "list", "tables")
		require.Equal(t, mode == "iptables", strings.Contains(chains, "KUBE-SERVICES"), node)
		require.Equal(t, mode == "nftables", strings.Contains(tables, "kube-proxy"), node)
	}
}
