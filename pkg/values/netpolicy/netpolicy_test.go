package netpolicy_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"data-space.liqo.io/pkg/values/netpolicy"
)

func policy(t *testing.T, text string) (netpolicy.Policy, string) {
	t.Helper()
	p := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "np"}}
	require.NoError(t, yaml.UnmarshalStrict([]byte("{"+text+"}"), &p.Spec))
	out, problems := netpolicy.PolicyOf(p)
	if len(problems) == 0 {
		return out, ""
	}
	return out, problems.ToAggregate().Error()
}

func TestPolicyTypesAreFilledIn(t *testing.T) {
	for text, want := range map[string][2]bool{
		`podSelector: {}`:                                                          {true, false},
		`podSelector: {}, egress: [{}]`:                                            {true, true},
		`podSelector: {}, egress: []`:                                              {true, false},
		`podSelector: {}, policyTypes: [Egress], ingress: [{}]`:                    {false, true},
		`podSelector: {}, policyTypes: [Ingress], egress: [{}]`:                    {true, false},
		`podSelector: {}, policyTypes: [Ingress, Egress]`:                          {true, true},
		`podSelector: {}, policyTypes: [Ingress, SomethingNew], ingress: [{}, {}]`: {true, false},
	} {
		p, problems := policy(t, text)
		require.Empty(t, problems)
		require.Equal(t, want, [2]bool{p.Ingress.Isolates, p.Egress.Isolates}, text)
	}
}

func TestPeersAndPortsReadAsTheyAreWritten(t *testing.T) {
	p, problems := policy(t, `podSelector: {matchLabels: {app: web}}, ingress: [
		{from: [{podSelector: {}}, {namespaceSelector: {matchLabels: {team: a}}}, {podSelector: {matchLabels: {app: db}}, namespaceSelector: {}},
			{ipBlock: {cidr: 10.1.2.3/8, except: [10.1.0.0/16, 10.2.0.0/16]}}, {ipBlock: {cidr: "::/0"}}],
		ports: [{}, {port: 80}, {port: 80, endPort: 90, protocol: UDP}, {port: http, protocol: SCTP}, {protocol: UDP}]}]`)
	require.Empty(t, problems)
	var peers, ports []string
	for _, peer := range p.Ingress.Rules[0].Peers {
		peers = append(peers, peer.String())
	}
	for _, port := range p.Ingress.Rules[0].Ports {
		ports = append(ports, port.String())
	}
	require.Equal(t, []string{"pods all", "pods all in namespaces team=a", "pods app=db in namespaces all",
		"10.0.0.0/8 except 10.1.0.0/16,10.2.0.0/16", "::/0"}, peers)
	require.Equal(t, []string{"tcp", "tcp/80", "udp/80-90", "sctp/http", "udp"}, ports)
	require.True(t, p.Target.Matches(map[string]string{"app": "web"}))
	same, _ := policy(t, `podSelector: {matchLabels: {app: web}}`)
	require.False(t, p.Equal(same))
	again, _ := policy(t, `podSelector: {matchLabels: {app: web}}`)
	require.True(t, same.Equal(again))
}

func TestWhatIsNotUnderstoodAllowsNothingAndIsReportedWithItsPath(t *testing.T) {
	for text, path := range map[string]string{
		`{}`: "spec.ingress[0].from[0]",
		`{podSelector: {matchExpressions: [{key: a, operator: Near}]}}`:       "spec.ingress[0].from[0].podSelector",
		`{namespaceSelector: {matchExpressions: [{key: a, operator: Near}]}}`: "spec.ingress[0].from[0].namespaceSelector",
		`{ipBlock: {cidr: nonsense}}`:                                         "spec.ingress[0].from[0].ipBlock.cidr",
		`{ipBlock: {cidr: 10.0.0.0/8, except: [nonsense]}}`:                   "spec.ingress[0].from[0].ipBlock.except[0]",
	} {
		p, problems := policy(t, `podSelector: {}, ingress: [{from: [`+text+`]}]`)
		require.Contains(t, problems, path)
		require.Equal(t, []netpolicy.Peer{{}}, p.Ingress.Rules[0].Peers, text)
		require.False(t, p.Ingress.Rules[0].AnyPeer)
		require.Equal(t, "nobody", p.Ingress.Rules[0].Peers[0].String())
	}
	for text, path := range map[string]string{
		`{protocol: ICMP}`:          "spec.egress[0].ports[0].protocol",
		`{endPort: 5}`:              "spec.egress[0].ports[0].port",
		`{port: web, endPort: 5}`:   "spec.egress[0].ports[0].endPort",
		`{port: 0}`:                 "spec.egress[0].ports[0]",
		`{port: 9, endPort: 8}`:     "spec.egress[0].ports[0]",
		`{port: 9, endPort: 65536}`: "spec.egress[0].ports[0]",
	} {
		p, problems := policy(t, `podSelector: {}, egress: [{ports: [`+text+`]}]`)
		require.Contains(t, problems, path)
		require.Equal(t, []netpolicy.Port{{}}, p.Egress.Rules[0].Ports, text)
		require.Equal(t, "no port", p.Egress.Rules[0].Ports[0].String())
	}
	p, problems := policy(t, `podSelector: {matchExpressions: [{key: a, operator: Near}]}`)
	require.Contains(t, problems, "spec.podSelector")
	require.True(t, p.Target.Matches(nil), "closed, not open")
}

func TestOldObjectsMayHaveLeadingZerosAndMappedAddresses(t *testing.T) {
	p, problems := policy(t, `podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 010.000.000.000/8}}]}]`)
	require.Empty(t, problems)
	require.Equal(t, "10.0.0.0/8", p.Ingress.Rules[0].Peers[0].String())
}

func TestBlocksContainOneFamilyWithoutTheirExceptions(t *testing.T) {
	b := netpolicy.Block{CIDR: netip.MustParsePrefix("0.0.0.0/0"), Except: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	require.True(t, b.Contains(netip.MustParseAddr("192.0.2.1")))
	require.False(t, b.Contains(netip.MustParseAddr("10.1.1.1")))
	require.False(t, b.Contains(netip.MustParseAddr("2001:db8::1")))
}

func TestSelectorsThatMeanTheSameReadTheSame(t *testing.T) {
	read := func(text string) netpolicy.Selector {
		t.Helper()
		var s metav1.LabelSelector
		require.NoError(t, yaml.UnmarshalStrict([]byte(text), &s))
		out, err := netpolicy.SelectorOf(&s)
		require.NoError(t, err)
		return out
	}
	require.Equal(t, read(`{matchLabels: {a: b}}`).String(), read(`{matchExpressions: [{key: a, operator: In, values: [b]}]}`).String())
	require.Equal(t, read(`{matchExpressions: [{key: a, operator: In, values: [b, c]}, {key: d, operator: Exists}]}`).String(),
		read(`{matchExpressions: [{key: d, operator: Exists}, {key: a, operator: In, values: [c, b, b]}]}`).String())
	require.Equal(t, "!x,a notin (b)", read(`{matchExpressions: [{key: a, operator: NotIn, values: [b]}, {key: x, operator: DoesNotExist}]}`).String())
	require.True(t, read(`{}`).All())
	require.Equal(t, "a=b", read(`{matchLabels: {a: b}}`).Exact())
	require.Empty(t, read(`{matchExpressions: [{key: a, operator: Exists}]}`).Exact())
	require.False(t, netpolicy.Selector{}.Matches(nil))
	require.False(t, netpolicy.Selector{}.All())
	_, err := netpolicy.SelectorOf(nil)
	require.Error(t, err)

	notIn := read(`{matchExpressions: [{key: a, operator: NotIn, values: [b]}]}`)
	require.True(t, notIn.Matches(nil), "without the key")
	require.False(t, notIn.Matches(map[string]string{"a": "b"}))
	empty := read(`{matchLabels: {a: ""}}`)
	require.True(t, empty.Matches(map[string]string{"a": ""}))
	require.False(t, empty.Matches(nil), "an empty value needs the key")
}

func TestAPodIsReadAsPoliciesSeeIt(t *testing.T) {
	always := corev1.ContainerRestartPolicyAlways
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "p", UID: "u"},
		Spec: corev1.PodSpec{
			Containers: []corev1.Container{{Ports: []corev1.ContainerPort{
				{Name: "http", ContainerPort: 80}, {Name: "http", ContainerPort: 81}, {ContainerPort: 82}, {Name: "odd", ContainerPort: 1, Protocol: "ICMP"}, {Name: "none"}}}},
			InitContainers: []corev1.Container{
				{Ports: []corev1.ContainerPort{{Name: "setup", ContainerPort: 1}}},
				{RestartPolicy: &always, Ports: []corev1.ContainerPort{{Name: "dns", ContainerPort: 53, Protocol: corev1.ProtocolUDP}}}},
		},
		Status: corev1.PodStatus{PodIPs: []corev1.PodIP{{IP: "::ffff:192.0.2.1"}, {IP: "2001:db8::1"}, {IP: "192.0.2.1"}, {IP: "nonsense"}}},
	}
	got := netpolicy.PodOf(p)
	require.Equal(t, []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")}, got.IPs)
	require.True(t, got.Judged())
	number, ok := got.Port("http", netpolicy.TCP)
	require.True(t, ok)
	require.EqualValues(t, 80, number)
	_, ok = got.Port("http", netpolicy.UDP)
	require.False(t, ok)
	_, ok = got.Port("dns", netpolicy.UDP)
	require.True(t, ok, "a sidecar's port")
	_, ok = got.Port("setup", netpolicy.TCP)
	require.False(t, ok, "gone by the time that anybody calls")
	require.True(t, got.Equal(netpolicy.PodOf(p)))
	require.Equal(t, "ns/p", got.String())

	p.Status = corev1.PodStatus{PodIP: "192.0.2.9", Phase: corev1.PodFailed}
	require.Equal(t, []netip.Addr{netip.MustParseAddr("192.0.2.9")}, netpolicy.PodOf(p).IPs)
	require.False(t, netpolicy.PodOf(p).Judged())
	require.False(t, got.Equal(netpolicy.PodOf(p)))
}

// What a selector says becomes a rule's comment, and rules are written line by line.
func TestASelectorHoldsNoLineEnd(t *testing.T) {
	for _, s := range []metav1.LabelSelector{
		{MatchLabels: map[string]string{"app": "x\n-A INPUT -j ACCEPT"}}, {MatchLabels: map[string]string{"app\n": "x"}},
		{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "app", Operator: metav1.LabelSelectorOpIn, Values: []string{"x\nCOMMIT"}}}},
	} {
		_, err := netpolicy.SelectorOf(&s)
		require.Error(t, err)
	}
}

func TestProtocolsAreTheAPIs(t *testing.T) {
	for kube, want := range map[corev1.Protocol]netpolicy.Protocol{"": netpolicy.TCP, "TCP": netpolicy.TCP, "UDP": netpolicy.UDP, "SCTP": netpolicy.SCTP} {
		got, ok := netpolicy.ProtocolOf(kube)
		require.True(t, ok)
		require.Equal(t, want, got)
	}
	_, ok := netpolicy.ProtocolOf("ICMP")
	require.False(t, ok)
}

func TestTheWordsOfAPolicyAreReadAgain(t *testing.T) {
	for _, text := range []string{
		`podSelector: {}`, `podSelector: {}, policyTypes: [Egress]`, `podSelector: {matchExpressions: [{key: all, operator: Exists}]}, egress: [{}]`,
		`podSelector: {matchExpressions: [{key: a, operator: NotIn, values: [b, c]}, {key: x.example/y, operator: DoesNotExist}, {key: d, operator: In, values: ["", e]}]}, ingress: [{ports: [{port: web}, {port: 80, endPort: 90}, {protocol: UDP}]}]`,
		`podSelector: {matchLabels: {a: ""}}, egress: [{to: [{podSelector: {}}, {namespaceSelector: {}, podSelector: {matchLabels: {a: b}}}, {ipBlock: {cidr: "2001:db8::/32", except: ["2001:db8:1::/48"]}}, {}], ports: [{port: 70000}]}, {to: [{ipBlock: {cidr: 10.0.0.0/8}}]}]`,
	} {
		p, _ := policy(t, text)
		again, err := netpolicy.ParseLines(p.Key, p.Lines())
		require.NoError(t, err, text)
		require.Equal(t, p.Lines(), again.Lines())
		require.Equal(t, p.Target.All(), again.Target.All(), text)
		require.Equal(t, p.Target.Exact(), again.Target.Exact(), text)
		for _, labels := range []map[string]string{nil, {"a": "b"}, {"a": ""}, {"all": "x"}, {"a": "z", "d": "e"}, {"x.example/y": "z", "d": ""}} {
			require.Equal(t, p.Target.Matches(labels), again.Target.Matches(labels), "%s %v", text, labels)
		}
		require.Equal(t, p.Ingress.Rules, again.Ingress.Rules, text)
	}
	for _, lines := range [][]string{nil, {"nonsense"}, {"selects pods all", "sideways: nothing"}, {"selects pods all", "egress: to any"}, {"selects pods a=b=c"},
		{"selects pods all", "egress: to 10.0.0.0/80, ports any"}, {"selects pods all", "egress: to any, ports icmp"}, {"selects pods all", "egress: to any, ports tcp/99999"}} {
		_, err := netpolicy.ParseLines(netpolicy.Key{}, lines)
		require.Error(t, err, lines)
	}
}
