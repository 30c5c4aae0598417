package guestnet

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"data-space.liqo.io/pkg/values/v1alpha1"
)

func hospital() Cluster {
	return Cluster{Installation: "data-spacer", Addresses: parsed("10.1.0.5/32", "10.1.0.6/32", "10.244.0.0/24", "10.244.1.0/24", "203.0.113.7/32")}
}

func out(cidr string, except ...v1alpha1.CIDR) *v1alpha1.Network {
	return &v1alpha1.Network{Egress: []v1alpha1.EgressRule{{To: []v1alpha1.Peer{{IPBlock: &v1alpha1.IPBlock{CIDR: v1alpha1.CIDR(cidr), Except: except}}}}}}
}

// reaches evaluates the rules as the API says.
func reaches(t *testing.T, o Opened, address string) bool {
	t.Helper()
	to := netip.MustParseAddr(address)
	for _, rule := range o.Egress {
		require.NotEmpty(t, rule.To, "no peers would be all destinations")
		for _, p := range rule.To {
			if p.IPBlock == nil || !netip.MustParsePrefix(p.IPBlock.CIDR).Contains(to) {
				continue
			}
			open := true
			for _, e := range p.IPBlock.Except {
				open = open && !netip.MustParsePrefix(e).Contains(to)
			}
			if open {
				return true
			}
		}
	}
	return false
}

// asWritten returns the NetworkPolicy that opens a section as its author wrote it: what the tests here show as closed is open by it.
func asWritten(n *v1alpha1.Network) Opened {
	o := Opened{}
	for _, rule := range n.Egress {
		var to []networkingv1.NetworkPolicyPeer
		for _, p := range rule.To {
			block := &networkingv1.IPBlock{CIDR: string(p.IPBlock.CIDR)}
			for _, e := range p.IPBlock.Except {
				block.Except = append(block.Except, string(e))
			}
			to = append(to, networkingv1.NetworkPolicyPeer{IPBlock: block})
		}
		o.Egress = append(o.Egress, networkingv1.NetworkPolicyEgressRule{To: to})
	}
	return o
}

func TestAHospitalThatOpensEveryAddressOpensTheInternetAlone(t *testing.T) {
	for _, n := range []*v1alpha1.Network{out("0.0.0.0/0"), out("::/0")} {
		opened := Rules(n, hospital())
		require.Empty(t, opened.Closed)
		for address, want := range map[string]bool{
			"198.51.100.1": true, "8.8.8.8": true, "2606:4700::1": true,
			"169.254.169.254": false, "169.254.20.10": false, "168.63.129.16": false, "100.100.100.200": false, "127.0.0.1": false, "0.0.0.0": false,
			"10.1.0.5": false, "10.9.9.9": false, "172.20.0.1": false, "192.168.1.1": false, "100.64.0.1": false, "203.0.113.7": false,
			"224.0.0.1": false, "255.255.255.255": false,
			"::1": false, "fe80::1": false, "fd00:ec2::254": false, "fc00::1": false, "fd20:ce::254": false, "ff02::1": false, "::": false,
			"64:ff9b::a01:5": false, "::ffff:0:a01:5": false, "2002:a01:5::": false, "::ffff:10.1.0.5": false,
		} {
			cidr := string(n.Egress[0].To[0].IPBlock.CIDR)
			family := strings.Contains(address, ":") == strings.Contains(cidr, ":")
			require.Equal(t, want && family, reaches(t, opened, address), "%s by %s", address, cidr)
			require.Equal(t, family, reaches(t, asWritten(n), address), "%s by %s as it is written", address, cidr)
		}
	}
}

func TestAPrivateNetworkThatIsNamedIsOpenedWithoutTheNodes(t *testing.T) {
	n := out("10.0.0.0/8", "10.7.0.0/16")
	opened := Rules(n, hospital())
	for address, want := range map[string]bool{
		"10.9.9.9": true, "10.1.0.4": true, "10.1.0.5": false, "10.1.0.6": false, "10.244.0.9": false, "10.244.1.9": false, "10.244.2.9": true, "10.7.1.1": false,
	} {
		require.Equal(t, want, reaches(t, opened, address), address)
		require.Equal(t, address != "10.7.1.1", reaches(t, asWritten(n), address), "%s as it is written", address)
	}
	require.Equal(t, []string{"10.1.0.5/32", "10.1.0.6/32", "10.7.0.0/16", "10.244.0.0/23"}, opened.Egress[0].To[0].IPBlock.Except)
}

func TestWhatIsNeverOpenedIsNamedAndClosesNothingElse(t *testing.T) {
	for _, cidr := range []string{"169.254.169.254/32", "10.1.0.5/32", "10.244.0.0/25", "203.0.113.7/32", "127.0.0.0/8", "fe80::/64"} {
		n := out(cidr)
		require.True(t, reaches(t, asWritten(n), netip.MustParsePrefix(cidr).Addr().String()), "%s as it is written", cidr)
		n.Egress = append(n.Egress, out("198.51.100.0/24").Egress...)
		opened := Rules(n, hospital())
		require.Len(t, opened.Closed, 1)
		require.Contains(t, opened.Closed[0], "spec.network.egress[0].to[0].ipBlock: "+cidr)
		require.Contains(t, opened.Closed[0], "remove it")
		require.Len(t, opened.Egress, 1)
		require.True(t, reaches(t, opened, "198.51.100.1"))
	}
	require.True(t, Rules(out("10.1.0.4/30", "10.1.0.4/32", "10.1.0.7/32"), hospital()).Empty(), "exceptions and nodes are all of it")
	require.True(t, Rules(out("nonsense"), hospital()).Empty())
	require.True(t, Rules(out("::ffff:10.0.0.0/104"), hospital()).Empty())
	require.True(t, Rules(nil, hospital()).Empty())
	require.True(t, Rules(&v1alpha1.Network{Egress: []v1alpha1.EgressRule{{}, {To: []v1alpha1.Peer{{}}}}}, hospital()).Empty(), "no peer is not every peer")
}

func TestExceptionsAreBounded(t *testing.T) {
	c := hospital()
	for i := range 600 {
		c.Addresses = append(c.Addresses, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 9, byte(i / 128), byte(i % 128 * 2)}), 32))
	}
	opened := Rules(out("10.9.0.0/16"), c)
	require.True(t, opened.Empty())
	require.Contains(t, opened.Closed[0], "more than 512; name smaller networks")

	many := &v1alpha1.Network{}
	for i := range 20 {
		many.Egress = append(many.Egress, out(fmt.Sprintf("10.9.%d.0/%d", i%2*2, 23)).Egress...)
	}
	require.True(t, Rules(many, c).Empty())
	require.Contains(t, Rules(many, c).Closed[0], "more than 4096")
}

// TestBlocksAgreeWithSets compares block with a set of addresses, in a world of one octet.
func TestBlocksAgreeWithSets(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	prefix := func() netip.Prefix {
		return netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 51, 100, byte(random.IntN(256))}), 24+random.IntN(9)).Masked()
	}
	for range 1000 {
		c := Cluster{}
		for range random.IntN(6) {
			c.Addresses = append(c.Addresses, prefix())
		}
		b := v1alpha1.IPBlock{CIDR: v1alpha1.CIDR(prefix().String())}
		for range random.IntN(4) {
			b.Except = append(b.Except, v1alpha1.CIDR(prefix().String()))
		}
		opened := Rules(out(string(b.CIDR), b.Except...), c)
		for octet := range 256 {
			addr := netip.AddrFrom4([4]byte{198, 51, 100, byte(octet)})
			want := netip.MustParsePrefix(string(b.CIDR)).Contains(addr)
			for _, e := range b.Except {
				want = want && !netip.MustParsePrefix(string(e)).Contains(addr)
			}
			for _, p := range c.Addresses {
				want = want && !p.Contains(addr)
			}
			require.Equal(t, want, reaches(t, opened, addr.String()), "%s in %+v without %v", addr, b, c.Addresses)
		}
	}
}

func TestSelectorsLeaveOutTheNamespacesThatNobodyHadInMind(t *testing.T) {
	spaces := map[string]labels.Set{
		"hospital":    {"team": "a"},
		"data-spacer": {"team": "a"},
		"kube-system": {"team": "a"},
		"liqo":        {"team": "a"},
		"rival-space": {"team": "a", "liqo.io/remote-cluster-id": "rival"},
		"liqo-tenant": {"team": "a", "liqo.io/remote-cluster-id": "rival", "liqo.io/tenant-namespace": "true"},
	}
	one := func(key v1alpha1.LabelKey, operator metav1.LabelSelectorOperator, values ...v1alpha1.LabelValue) *v1alpha1.Selector {
		return &v1alpha1.Selector{MatchExpressions: []v1alpha1.Requirement{{Key: key, Operator: operator, Values: values}}}
	}
	selected := map[string]bool{} // by the selectors as they are written
	for i, c := range []struct {
		selector *v1alpha1.Selector
		want     []string
	}{
		{&v1alpha1.Selector{}, []string{"hospital"}},
		{&v1alpha1.Selector{MatchLabels: map[string]v1alpha1.LabelValue{"team": "a"}}, []string{"hospital"}},
		{one("kubernetes.io/metadata.name", "Exists"), []string{"hospital"}},
		{one("kubernetes.io/metadata.name", "NotIn", "hospital"), nil},
		{one("kubernetes.io/metadata.name", "In", "kube-system", "data-spacer", "rival-space"), []string{"kube-system"}},
		{&v1alpha1.Selector{MatchLabels: map[string]v1alpha1.LabelValue{"kubernetes.io/metadata.name": "data-spacer"}}, nil},
		{one("liqo.io/remote-cluster-id", "Exists"), []string{"rival-space"}},
		{one("liqo.io/remote-cluster-id", "NotIn", "pharma"), []string{"hospital"}},
		{&v1alpha1.Selector{MatchLabels: map[string]v1alpha1.LabelValue{"liqo.io/remote-cluster-id": "rival"}}, []string{"rival-space"}},
	} {
		opened := Rules(&v1alpha1.Network{Egress: []v1alpha1.EgressRule{{To: []v1alpha1.Peer{{NamespaceSelector: c.selector}}}}}, hospital())
		require.Empty(t, opened.Closed)
		selector, err := metav1.LabelSelectorAsSelector(opened.Egress[0].To[0].NamespaceSelector)
		require.NoError(t, err)
		written, err := metav1.LabelSelectorAsSelector(c.selector.LabelSelector())
		require.NoError(t, err)
		var got []string
		for name, set := range spaces {
			if written.Matches(labels.Merge(set, labels.Set{corev1.LabelMetadataName: name})) {
				selected[name] = true
			}
			if selector.Matches(labels.Merge(set, labels.Set{corev1.LabelMetadataName: name})) {
				got = append(got, name)
			}
		}
		require.ElementsMatch(t, c.want, got, "case %d", i)
	}
	require.Len(t, selected, len(spaces))
}

func TestNoRuleOpensThePortsOfAPodsProxy(t *testing.T) {
	from := []v1alpha1.Peer{{PodSelector: &v1alpha1.Selector{}}}
	in := func(ports ...v1alpha1.Port) Opened {
		return Rules(&v1alpha1.Network{Ingress: []v1alpha1.IngressRule{{From: from, Ports: ports}}}, hospital())
	}
	number := func(first, last int32) v1alpha1.Port {
		p := v1alpha1.Port{Port: ptr.To(intstr.FromInt32(first))}
		if last > first {
			p.EndPort = &last
		}
		return p
	}
	open := func(o Opened, protocol corev1.Protocol, port int32) bool {
		for _, rule := range o.Ingress {
			require.NotEmpty(t, rule.Ports, "no ports would be all ports")
			for _, p := range rule.Ports {
				if *p.Protocol == protocol && (p.Port == nil || p.Port.IntVal <= port && port <= ptr.Deref(p.EndPort, p.Port.IntVal)) {
					return true
				}
			}
		}
		return false
	}
	for _, o := range []Opened{in(), in(number(1, 65535), v1alpha1.Port{Protocol: "UDP"}, v1alpha1.Port{Protocol: "SCTP"}), in(number(13000, 14000))} {
		for _, port := range []int32{13031, 13032, 13041, 13043} {
			require.False(t, open(o, "TCP", port), port)
		}
		for _, port := range []int32{13000, 13030, 13033, 13040, 13042, 13044, 14000} {
			require.True(t, open(o, "TCP", port), port)
		}
		require.False(t, open(o, "UDP", 13053))
	}
	require.True(t, open(in(), "UDP", 53))
	require.True(t, open(in(), "SCTP", 13041))
	require.True(t, open(in(), "TCP", 1))
	require.True(t, open(in(), "TCP", 65535))
	closed := in(number(13041, 0))
	require.True(t, closed.Empty())
	require.Contains(t, closed.Closed[0], "spec.network.ingress[0].ports: the proxy of each pod listens")
	require.Equal(t, []networkingv1.NetworkPolicyPort{{Protocol: ptr.To(corev1.ProtocolTCP), Port: ptr.To(intstr.FromString("web"))}},
		in(v1alpha1.Port{Port: ptr.To(intstr.FromString("web"))}).Ingress[0].Ports)
}
