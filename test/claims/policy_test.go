package claims

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/test/claims/accesslog"
)

func TestWhatBearsOurPrefixesIsNotComparedOnNodes(t *testing.T) {
	const theirs = "*filter\n:FORWARD ACCEPT \n-A FORWARD -j KUBE-FORWARD\n"
	const ours = ":DS-NP-FORWARD - \n-A FORWARD -j DS-NP-FORWARD\n-A DS-NP-NO-E -j REJECT\ncreate ds-np-isolated4 hash:ip\n"
	with, without := apart(theirs+ours), apart(theirs)
	require.Equal(t, nodeFilter{theirs, 4}, with)
	observed, err := kept(with, with, apart(theirs+ours+ours))
	require.NoError(t, err)
	require.Equal(t, "52 bytes of others, three times the same, beside 4 lines of ours", observed)
	t.Run("where there is nothing of ours nothing is shown", func(t *testing.T) {
		_, err := kept(with, without, with)
		require.ErrorContains(t, err, "not enforced")
	})
	t.Run("a rule of others that is gone is named", func(t *testing.T) {
		_, err := kept(with, with, apart("*filter\n:FORWARD ACCEPT \n"+ours))
		require.EqualError(t, err, "--A FORWARD -j KUBE-FORWARD")
	})
}

func TestRefusalsAreReadFromTheKernelsCounters(t *testing.T) {
	text := "[9:540] -A DS-NP-NO-E -m limit --limit 10/sec -j NFLOG --nflog-prefix \"ds-np egress no-rule\"\n" +
		"[3:180] -A DS-NP-NO-E -p tcp -m comment --comment \"no policy allows it\" -j REJECT --reject-with tcp-reset\n" +
		"[2:100] -A DS-NP-NO-I -m comment --comment \"no policy allows it\" -j DROP\n[7:7] -A FORWARD -j REJECT\n"
	found := []string{}
	for _, match := range refusal.FindAllStringSubmatch(text, -1) {
		found = append(found, match[1])
	}
	require.Equal(t, []string{"3", "2"}, found)
}

func TestEachCallMustBeInTheProxysLog(t *testing.T) {
	to := netip.MustParseAddrPort("203.0.113.5:8080")
	other := netip.MustParseAddrPort("203.0.113.6:8080")
	log := []accesslog.Entry{{Direction: "egress", Flags: "UF,URX", OriginalDestination: to.String()}, {Direction: "egress", Path: "/patients", Code: 200, OriginalDestination: other.String()}}
	require.NoError(t, carried(log, []call{{to: to}}, unreached))
	require.Error(t, carried(log, []call{{to: to}}, 200))
	require.Error(t, carried(log, []call{{to: other}}, unreached))
	require.NoError(t, carried(log, []call{{to: other}}, 200))
}
