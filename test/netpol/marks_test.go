//go:build kernel

package netpol

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/netpol"
	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/effects/nodefilter"
	"data-space.liqo.io/test/netpol/worlds"
)

// iptables is the program of the tested family and backend.
func (c *cluster) iptables(verb string) string {
	if c.v6 {
		return "ip6tables-" + string(c.backend) + "-" + verb
	}
	return "iptables-" + string(c.backend) + "-" + verb
}

// marked is how many packets the rule with the comment has counted.
func (c *cluster) marked(table, comment string) string {
	c.t.Helper()
	for line := range strings.Lines(c.run(c.iptables("save"), "--counters", "-t", table)) {
		if strings.Contains(line, comment) {
			packets, _, _ := strings.Cut(strings.TrimPrefix(line, "["), ":")
			return packets
		}
	}
	c.t.Fatalf("no rule %s", comment)
	return ""
}

// Another program marks each packet before FORWARD and counts, after it, those that still bear the whole mark.
func TestMarksOfOtherProgramsSurvive(t *testing.T) {
	each(t, netpol.Settings{}, func(t *testing.T, c *cluster) {
		t.Helper()
		mark := func(value string) {
			runIn(t, c.node, "*mangle\n:PREROUTING ACCEPT\n:OUTPUT ACCEPT\n:POSTROUTING ACCEPT\n-A PREROUTING -j MARK --set-mark "+value+
				"\n-A OUTPUT -j MARK --set-mark "+value+"\n-A POSTROUTING -m mark --mark "+value+" -m comment --comment whole\n-A POSTROUTING -m mark ! --mark "+value+" -m comment --comment changed\nCOMMIT\n", c.iptables("restore"))
		}
		call := func() {
			t.Helper()
			conn, err := dial(c.pods["x/b"], c.address("x/a"), 80, patient)
			require.NoError(t, err)
			require.NoError(t, conn.Close())
		}
		c.serve(c.pods["x/a"])
		everyOther := "0xffffefbf" // every bit but those two

		mark("0xffffffff")
		call() // no policy selects either pod
		require.Equal(t, "0", c.marked("mangle", "changed"), "packets of pods that no policy selects keep every bit")

		c.do(`x/in: podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchLabels: {pod: b}}}]}]
			x/out: podSelector: {matchLabels: {pod: b}}, policyTypes: [Egress], egress: [{to: [{podSelector: {matchLabels: {pod: a}}}]}]`)
		mark(everyOther)
		call()
		require.Equal(t, "0", c.marked("mangle", "changed"), "packets that a policy judges keep all other bits")
		require.NotEqual(t, "0", c.marked("mangle", "whole"))

		uses, err := c.filter.MarkUses(t.Context(), netpol.DefaultMarks, families()...)
		require.NoError(t, err)
		require.Empty(t, uses, "our own rules and those of other bits are no collision")
		mark("0x40/0x40")
		uses, err = c.filter.MarkUses(t.Context(), netpol.DefaultMarks, families()...)
		require.NoError(t, err)
		require.Len(t, uses, 4)
		require.Contains(t, uses[0].String(), "mangle: -A PREROUTING")
		mark("0x4000/0x4000")
		ownTable(t, c.node)
		uses, err = c.filter.MarkUses(t.Context(), netpol.DefaultMarks, families()...)
		require.NoError(t, err)
		require.Len(t, uses, 1)
		require.Contains(t, uses[0].String(), "nftables inet other-program: chain marks")
	})
}

// The rules of an agent with other mark bits, such as one of before the setting, are replaced whole.
func TestOtherMarksReplaceTheRulesOfAnOlderAgent(t *testing.T) {
	eachAlone(t, func(t *testing.T, c *cluster) {
		t.Helper()
		old := netpol.New(netpol.Settings{Node: worlds.Node, IPv6: true, MarkBits: [2]uint32{1 << 24, 1 << 25}})
		changes := append(judgedPods(t), netpol.PodSeen{Pod: bar.pod(0, 0)})
		old.Apply(changes...)
		_, err := nodefilter.New(c.node, c.backend).Converge(t.Context(), old.State())
		require.NoError(t, err)
		require.Contains(t, c.everything(), "0x3000000")
		c.converge()
		require.NotContains(t, c.everything(), "000000/0x")
		require.NotContains(t, c.everything(), "0x3000000")
	})
}

// ownTable is a table that another program keeps in nftables itself: it sets one of our bits, and one that is not.
func ownTable(t *testing.T, node *netns.Namespace) {
	t.Helper()
	require.NoError(t, node.Do(func() error {
		conn, err := nftables.New()
		require.NoError(t, err)
		table := conn.AddTable(&nftables.Table{Name: "other-program", Family: nftables.TableFamilyINet})
		chain := conn.AddChain(&nftables.Chain{Name: "marks", Table: table})
		for _, bit := range []uint32{0x40, 0x4000} {
			conn.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{
				&expr.Meta{Key: expr.MetaKeyMARK, Register: 1},
				&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4, Mask: binary.NativeEndian.AppendUint32(nil, ^bit), Xor: binary.NativeEndian.AppendUint32(nil, bit)},
				&expr.Meta{Key: expr.MetaKeyMARK, SourceRegister: true, Register: 1},
			}})
		}
		return conn.Flush()
	}))
}
