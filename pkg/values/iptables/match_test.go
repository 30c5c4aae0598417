package iptables_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/values/iptables"
)

func names() iptables.Names {
	return iptables.Names{
		Cgroups:     map[string]string{"/pod": "the pod's"},
		ConnMarks:   map[iptables.Mark]string{iptables.WholeMark(1): "the mark *one*"},
		PacketMarks: map[iptables.Mark]string{iptables.WholeMark(2): "the second"},
	}
}

func TestMatchesRenderWordsAndProse(t *testing.T) {
	src, dst := iptables.Source, iptables.Destination
	prefix := netip.MustParsePrefix("192.0.2.0/24")
	for _, c := range []struct {
		match        iptables.Match
		words, prose string
	}{
		{iptables.TCP, "-p tcp", "TCP"},
		{iptables.ICMPv6, "-p ipv6-icmp", "ICMPv6"},
		{iptables.In{Interface: "lo"}, "-i lo", "in by `lo`"},
		{iptables.In{Interface: "lo", Not: true}, "! -i lo", "not in by `lo`"},
		{iptables.Out{Interface: "lo", Not: true}, "! -o lo", "not out by `lo`"},
		{iptables.Address{Prefix: prefix}, "-s 192.0.2.0/24", "from 192.0.2.0/24"},
		{iptables.Address{End: dst, Prefix: prefix, Not: true}, "! -d 192.0.2.0/24", "not to 192.0.2.0/24"},
		{
			iptables.AddressBits{End: dst, Bits: netip.MustParseAddr("0.0.0.5"), Mask: netip.MustParseAddr("0.0.0.15")},
			"-d 0.0.0.5/0.0.0.15", "to addresses whose bits 0.0.0.15 are 0.0.0.5",
		},
		{iptables.Port{Protocol: iptables.UDP, End: dst, Range: iptables.OnePort(53)}, "-m udp --dport 53", "to port 53"},
		{iptables.Port{Protocol: iptables.TCP, Range: iptables.PortRange{First: 1, Last: 9}}, "-m tcp --sport 1:9", "from port 1:9"},
		{iptables.Multiport{Ports: iptables.Numbers(80, 65535)}, "-m multiport --sports 80,65535", "from port 80, 65535"},
		{
			iptables.Multiport{End: dst, Ports: iptables.PortsOf(iptables.OnePort(80), iptables.PortRange{First: 256, Last: 513}), Not: true},
			"-m multiport ! --dports 80,256:513", "not to port 80, 256:513",
		},
		{
			iptables.TCPFlags{Of: iptables.FIN | iptables.SYN | iptables.ACK, Set: iptables.SYN, Not: true},
			"-m tcp ! --tcp-flags FIN,SYN,ACK SYN", "not with SYN and without FIN or ACK",
		},
		{
			iptables.TCPFlags{Of: iptables.ACK, Set: iptables.ACK, Option: 8},
			"-m tcp --tcp-flags ACK " + "ACK --tcp-option 8", "with ACK and with TCP option 8",
		},
		{iptables.Length{Min: 40, Max: 40}, "-m length --length 40", "of 40 bytes"},
		{iptables.Length{Min: 40, Max: 60}, "-m length --length 40:60", "of 40 to 60 bytes"},
		{iptables.ICMPv6Type(135), "-m icmp6 --icmpv6-type 135", "type 135"},
		{iptables.HopLimit(255), "-m hl --hl-eq 255", "hop limit 255"},
		{iptables.Limit{PerSecond: 10}, "-m limit --limit 10/sec", "at most 10 a second"},
		{iptables.State{Of: iptables.Invalid}, "-m conntrack --ctstate INVALID", "which conntrack cannot place"},
		{iptables.State{Of: iptables.DNAT, Not: true}, "-m conntrack ! --ctstate DNAT", "which nat has not redirected"},
		{
			iptables.State{Of: iptables.Established | iptables.Related},
			"-m conntrack --ctstate RELATED,ESTABLISHED", "in connection state RELATED or ESTABLISHED",
		},
		{
			iptables.State{Of: iptables.Established, Reply: true},
			"-m conntrack --ctstate ESTABLISHED --ctdir REPLY", "in connection state ESTABLISHED and in answer",
		},
		{
			iptables.Packets{UpTo: 2, Reply: true},
			"-m connbytes --connbytes 1:2 --connbytes-mode packets --connbytes-dir reply", "up to packet 2 of the answer",
		},
		{iptables.ConnMark{Mark: iptables.WholeMark(1)}, "-m connmark --mark 0x1", "its connection bears the mark *one*"},
		{iptables.ConnMark{Mark: iptables.Mark{Value: 1, Mask: 0xff}}, "-m connmark --mark 0x1/0xff", "its connection bears `0x1/0xff`"},
		{iptables.PacketMark{Mark: iptables.WholeMark(2), Not: true}, "-m mark ! --mark 0x2", "its packet mark is not the second"},
		{iptables.Owner{UID: 1303}, "-m owner --uid-owner 1303", "its socket's user is 1303"},
		{iptables.Unowned{}, "-m owner ! --uid-owner 0-4294967294", "no process owns it"},
		{iptables.Cgroup{Path: "/pod", Not: true}, "-m cgroup ! --path /pod", "its socket's cgroup is not at or below the pod's"},
		{iptables.Cgroup{Path: "/other"}, "-m cgroup --path /other", "its socket's cgroup is at or below `/other`"},
		{iptables.Listener{}, "-m socket --nowildcard", "to an address and port on which a socket listens"},
		{iptables.InSet{Name: "a", End: src, Not: true}, "-m set ! --match-set a src", "from an address that is not in the set `a`"},
		{iptables.InSet{Name: "a", End: dst, WithPort: true}, "-m set --match-set a dst,dst", "to an address and port that is in the set `a`"},
	} {
		require.Equal(t, c.words, iptables.Rule{Matches: []iptables.Match{c.match}}.String())
		require.Equal(t, c.prose, c.match.Prose(names()), c.words)
		require.True(t, iptables.Rule{Matches: []iptables.Match{c.match}}.Equal(iptables.Rule{Matches: []iptables.Match{c.match}}), "it can be compared")
	}
}

func TestTargetsRenderWordsAndProse(t *testing.T) {
	for _, c := range []struct {
		target              iptables.Target
		words, prose, chain string
	}{
		{iptables.Drop, "-j DROP", "DROP", ""},
		{iptables.Jump("OWN"), "-j OWN", "OWN", "OWN"},
		{iptables.Goto("OWN"), "-g OWN", "go to OWN", "OWN"},
		{iptables.RejectReset, "-j REJECT --reject-with tcp-reset", "REJECT (tcp-reset)", ""},
		{iptables.Redirect(13031), "-j REDIRECT --to-ports 13031", "redirect to port 13031", ""},
		{iptables.SetConnMark{Mark: iptables.WholeMark(1)}, "-j CONNMARK --set-xmark 0x1/0xffffffff", "set the mark *one*, go on", ""},
		{iptables.SetMark{Mark: iptables.Mark{Mask: 0x1040}}, "-j MARK --set-xmark 0x0/0x1040", "set `0x0/0x1040` on the packet, go on", ""},
		{iptables.NFLog{Prefix: "ds-np x", Group: 7}, `-j NFLOG --nflog-prefix "ds-np x" --nflog-group 7`, "log to NFLOG group 7, go on", ""},
	} {
		require.Equal(t, c.words, iptables.Rule{Target: c.target}.String())
		require.Equal(t, c.prose, c.target.Prose(names()), c.words)
		require.Equal(t, c.chain, iptables.ChainOf(c.target))
		require.False(t, iptables.Rule{Target: c.target}.Equal(iptables.Rule{Target: iptables.Accept}))
	}
}
