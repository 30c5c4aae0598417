package netpol_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/netpol"
	"data-space.liqo.io/pkg/values/iptables"
)

func TestRulesThatUseOurMarksAreFound(t *testing.T) {
	const marks = 0x1040
	for rule, used := range map[string]string{
		"-A FORWARD -m mark --mark 0x40/0x40 -j ACCEPT":                     "0x40/0x40",
		"-A FORWARD -m mark ! --mark 0x1000 -j DROP":                        "0x1000",
		"-A PREROUTING -j MARK --set-xmark 0xffffffff/0xff":                 "0xffffffff/0xff",
		"-A KUBE-MARK-MASQ -j MARK --or-mark 0x4000":                        "",
		"-A POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN":           "",
		"-A cali-x -j MARK --set-xmark 0x0/0xf0000":                         "",
		"-A cali-x -m mark --mark 0x10000/0xffff0000 -j RETURN":             "",
		"-A CILIUM -m mark --mark 0x200/0xf00 -j ACCEPT":                    "",
		"-A X -m mark --mark 0x0/0x40 -j ACCEPT":                            "",
		"-A X -j CONNMARK --set-xmark 0x40/0x40":                            "",
		"-A X -m connmark --mark 0x40/0x40 -j ACCEPT":                       "",
		"-A X -m connmark --mark 0x40 -m mark --mark 0x1000/0xf000 -j DROP": "0x1000/0xf000",
		"-A DS-NP-ALLOW-E -j MARK --set-xmark 0x40/0x40":                    "",
		"-A X -m mark --mark":                                               "",
	} {
		chain := strings.Fields(rule)[1]
		saved, err := iptables.ParseSave(iptables.V4, "*mangle\n:"+chain+" - [0:0]\n"+rule+"\nCOMMIT\n")
		require.NoError(t, err)
		found := netpol.MarkUses("iptables-nft", saved, marks)
		if used == "" {
			require.Empty(t, found, rule)
			continue
		}
		require.Equal(t, []netpol.MarkUse{{Where: "iptables-nft mangle", Rule: rule, Mark: used}}, found)
		require.Equal(t, "iptables-nft mangle: "+rule, found[0].String())
	}
}

func TestMarksAreTwoBits(t *testing.T) {
	bits, err := netpol.MarkBits(0x1040)
	require.NoError(t, err)
	require.Equal(t, [2]uint32{0x40, 0x1000}, bits)
	for _, bad := range []uint32{0, 1, 7, 0xffffffff} {
		_, err := netpol.MarkBits(bad)
		require.Error(t, err)
	}
	require.Equal(t, uint32(netpol.DefaultMarks), netpol.Settings{}.Marks())
	require.Zero(t, netpol.DefaultMarks&(0xffff0000|0xc000|0x2000|0x80|0xf00|1), "Calico, kube-proxy, portmap, AWS, Cilium's magic numbers, Antrea")
}

func TestOnlyPacketsOfSelectedPodsAreUnmarked(t *testing.T) {
	for _, s := range netpol.New(settings()).State() {
		for _, c := range s.Chains {
			for _, r := range c.Rules {
				if text := r.String(); c.Name == "DS-NP-FORWARD" || c.Name == "DS-NP-INPUT" {
					require.NotRegexp(t, "^-j MARK", text)
				}
			}
		}
	}
}
