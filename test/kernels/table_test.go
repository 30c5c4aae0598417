package kernels

import (
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/test/kernels/node"
)

func TestTheTableShowsWhatCameOut(t *testing.T) {
	const pppoe, tcp, rds, vsock, sweep = "beside IP: PPPoE", "beside IP: SMC", "beside IP: RDS", "beside IP: vsock", "beside IP: every socket of families 48 to 51"
	results := []node.Result{
		{Setting: node.Unguarded, Probe: pppoe, Place: "routed", Answer: "sent 19 bytes", Seen: []string{"frame 0x8864 behind the node's end of the link"}},
		{Setting: node.Unguarded, Probe: pppoe, Place: "bridged", Answer: "sent 19 bytes", Seen: []string{"frame 0x8864 in another pod"}},
		{Setting: node.Unguarded, Probe: tcp, Answer: "sent 19 bytes", Seen: []string{"TCP 4000 to 80 behind the node's end of the link"}},
		{Setting: node.Unguarded, Probe: vsock, Answer: "socket: operation not permitted", Seen: []string{"TCP 4001 to 16385 behind the node's end of the link"}},
		{Setting: node.RulesOnly, Probe: pppoe, Place: "routed", Answer: "sent 19 bytes", Seen: []string{"frame 0x8864 behind the node's end of the link"}},
		{Setting: node.RulesOnly, Probe: pppoe, Place: "bridged", Answer: "sent 19 bytes"},
		{Setting: node.RulesOnly, Probe: tcp, Answer: "sent 19 bytes", Seen: []string{"TCP 4000 to 80 behind the node's end of the link"}},
		{Setting: node.RulesOnly, Probe: vsock, Answer: "socket: operation not permitted"},
		{Setting: node.Everything, Probe: pppoe, Answer: "socket: address family not supported by protocol"},
		{Setting: node.Unguarded, Probe: sweep, Answer: "opened (family/type/protocol):"},
		{Setting: node.RulesOnly, Probe: sweep, Answer: "opened (family/type/protocol):"},
		{Setting: node.Everything, Probe: sweep, Answer: "opened (family/type/protocol):"},
		{Setting: node.Everything, Probe: rds, Answer: "socket: bad system call: the thread was ended"},
		{Setting: node.Everything, Probe: vsock, Answer: "connect: connection reset by peer; send: transport endpoint is not connected"},
	}
	got := newTable(results)
	require.Equal(t, "14 attempts; got out: unguarded 3, rules only 2, rules and frame filter 0, rules and seccomp profile 0, all 0", tally(results))
	require.Equal(t, []node.Setting{node.Unguarded, node.RulesOnly, node.Everything}, got.settings)
	require.True(t, got.sent(pppoe, node.Unguarded))
	require.False(t, got.sent(pppoe, node.RulesOnly), "not wherever it was tried")
	require.Len(t, got.leaks(node.RulesOnly), 2)
	require.Len(t, got.packets(node.RulesOnly), 1, "a packet of IP is a leak of the rules")
	require.Empty(t, got.leaks(node.Everything))
	require.Len(t, got.opened(node.Everything), 1, "a socket that the profile must refuse is found, although nothing came out")

	require.ElementsMatch(t, []string{
		tcp + ", all: not tried", tcp + ", unguarded: 1", tcp + ", rules only: 1", vsock + ", unguarded: 1", vsock + ", rules only: 1",
		sweep + ", unguarded: 1", sweep + ", rules only: 1", rds + ", unguarded: not tried",
	}, got.uneven())

	text := report([]string{"linux-image-6.1.0-57-amd64 6.1.192-3"}, map[string]*table{"linux-image-6.1.0-57-amd64 6.1.192-3": got})
	require.Contains(t, text, "| PPPoE | **out**: frame 0x8864 | **LEAK**: frame 0x8864 | refused |")
	require.Contains(t, text, "| SMC | **out**: TCP to 80 | **LEAK**: TCP to 80 | not tried |")
	require.Contains(t, text, "defences: vsock; every socket of families 48 to 51.", "what RDS repeats is not the next probe's")
}
