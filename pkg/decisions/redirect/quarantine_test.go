package redirect_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/redirect"
	"data-space.liqo.io/pkg/values/iptables"
)

func TestAQuarantinedPodAnswersItsNodeAndNobodyElse(t *testing.T) {
	node := []netip.Addr{netip.MustParseAddr("203.0.113.1"), netip.MustParseAddr("2001:db8::1")}
	for i, set := range redirect.Quarantine(redirect.Settings{IPv6: true}, node) {
		require.Equal(t, iptables.Drop, chain(t, set, "filter", "INPUT").Policy)
		require.Equal(t, iptables.Drop, chain(t, set, "filter", "FORWARD").Policy)
		require.Len(t, chain(t, set, "filter", "FORWARD").Rules, 1)
		require.Equal(t, iptables.Drop, chain(t, set, "filter", "OUTPUT").Policy)
		in, out := chain(t, set, "filter", "INPUT").Rules, chain(t, set, "filter", "OUTPUT").Rules
		require.True(t, has(in[1], "-s "+alone(node[i])+" -p tcp"), "%v", in[1])
		require.True(t, has(out[1], "-d "+alone(node[i])+" -p tcp -m conntrack --ctstate ESTABLISHED --ctdir REPLY"), "%v", out[1])
		require.Len(t, out, map[iptables.Family]int{iptables.V4: 3, iptables.V6: 5}[set.Family])
		each(set, func(_ string, r iptables.Rule) { require.NotEmpty(t, r.Reason) })
	}
	require.Equal(t, redirect.Closed(redirect.Settings{}), redirect.Quarantine(redirect.Settings{}, nil), "nobody asks")
	require.Equal(t, redirect.Closed(redirect.Settings{}), redirect.Quarantine(redirect.Settings{}, node[1:]))
}

// alone is the prefix that holds the address and no other.
func alone(ip netip.Addr) string { return netip.PrefixFrom(ip, ip.BitLen()).String() }
