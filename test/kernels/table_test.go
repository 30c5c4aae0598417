package kernels

import (
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/test/kernels/node"
)

func TestTheTableShowsWhatCameOut(t *testing.T) {
	const pppoe, tcp, vsock = "beside IP: PPPoE", "beside IP: SMC", "beside IP: vsock"
	got := newTable([]node.Result{
		{Setting: node.Unguarded, Probe: pppoe, Place: "routed", Answer: "sent 19 bytes", Seen: []string{"frame 0x8864 behind the node's end of the link"}},
		{Setting: node.Unguarded, Probe: pppoe, Place: "bridged", Answer: "sent 19 bytes", Seen: []string{"frame 0x8864 in another pod"}},
		{Setting: node.Unguarded, Probe: tcp, Answer: "sent 19 bytes", Seen: []string{"TCP 4000 to 80 behind the node's end of the link"}},
		{Setting: node.Unguarded, Probe: vsock, Answer: "socket: operation not permitted"},
		{Setting: node.RulesOnly, Probe: pppoe, Place: "routed", Answer: "sent 19 bytes", Seen: []string{"frame 0x8864 behind the node's end of the link"}},
		{Setting: node.RulesOnly, Probe: pppoe, Place: "bridged", Answer: "sent 19 bytes"},
		{Setting: node.RulesOnly, Probe: tcp, Answer: "sent 19 bytes", Seen: []string{"TCP 4000 to 80 behind the node's end of the link"}},
		{Setting: node.RulesOnly, Probe: vsock, Answer: "socket: operation not permitted"},
		{Setting: node.Everything, Probe: pppoe, Answer: "socket: address family not supported by protocol"},
		{Setting: node.Everything, Probe: vsock, Answer: "connect: connection reset by peer; send: transport endpoint is not connected"},
	})
	require.Equal(t, []node.Setting{node.Unguarded, node.RulesOnly, node.Everything}, got.settings)
	require.True(t, got.sent(pppoe, node.Unguarded))
	require.False(t, got.sent(pppoe, node.RulesOnly), "not wherever it was tried")
	require.False(t, got.sent(vsock, node.Unguarded))
	require.Len(t, got.leaks(node.RulesOnly), 2)
	require.Len(t, got.packets(node.RulesOnly), 1, "a packet of IP is a leak of the rules")
	require.Empty(t, got.leaks(node.Everything))
	require.Len(t, got.opened(node.Everything), 1, "a socket that the profile must refuse is found, although nothing came out")

	text := report([]string{"linux-image-6.1.0-57-amd64 6.1.192-3"}, map[string]*table{"linux-image-6.1.0-57-amd64 6.1.192-3": got})
	require.Contains(t, text, "| PPPoE | **out**: frame 0x8864 | **LEAK**: frame 0x8864 | nothing |")
	require.Contains(t, text, "defences: vsock.")
}
