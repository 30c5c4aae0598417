//go:build kernel

package podrules

import (
	"context"
	"net"
	"net/netip"
	"os/exec"
	"testing"
	"time"

	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/redirect"
	"data-space.liqo.io/pkg/effects/dataplane"
	"data-space.liqo.io/pkg/effects/xtables"
	"data-space.liqo.io/pkg/values/endpoint"
	"data-space.liqo.io/pkg/values/fact"
)

// A process of a pod sends a datagram past the proxy: a fact has its destination, also after the agent has been restarted, and an agent that is not to
// record destinations takes the rules that log away.
func TestTheDestinationOfADroppedPacketIsAFact(t *testing.T) {
	memory, made := emptyPod(t)
	in := func(command string, args ...string) {
		t.Helper()
		require.NoError(t, made.Do(func(ns.NetNS) error { return exec.Command(command, args...).Run() }))
	}
	in("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "peer0")
	in("ip", "addr", "add", "203.0.113.7/24", "dev", "eth0")
	in("ip", "link", "set", "eth0", "up")
	in("ip", "link", "set", "peer0", "up")
	target := endpoint.Target{Sandbox: "box", Netns: made.Path(), Endpoint: endpoint.Endpoint{
		Namespace: "pharma", Name: "job", UID: "uid", Guest: "guest", IPs: []netip.Addr{netip.MustParseAddr("203.0.113.7")},
	}}
	for _, destination := range []string{"203.0.113.9:4433", "203.0.113.10:123"} { // of the second agent after a restart
		facts := make(chan fact.Fact, 100)
		e := New(redirect.Settings{IPv6: true, LogDrops: true}, Parts{Dataplane: dataplane.New(xtables.NFT), Store: memory})
		e.NotifyDropped(func(f fact.Fact) { facts <- f })
		_, err := e.Update(t.Context(), target)
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); e.Run(ctx) }()
		require.NoError(t, made.Do(func(ns.NetNS) error {
			c, err := net.Dial("udp", destination)
			if err == nil {
				_, _ = c.Write([]byte("secret")) // the rules may report that they drop it
				err = c.Close()
			}
			return err
		}))
		for found := false; !found; {
			select {
			case f := <-facts:
				require.Equal(t, fact.Subject{Guest: "guest", Namespace: "pharma", Pod: "job", UID: "uid"}, f.Subject)
				found = net.JoinHostPort(f.Details["address"], f.Details["port"]) == destination && f.Reason == "ds-out-drop-udp"
			case <-time.After(time.Minute):
				require.Fail(t, "there is no fact of "+destination)
			}
		}
		cancel()
		<-done
	}
	e := New(redirect.Settings{IPv6: true}, Parts{Dataplane: dataplane.New(xtables.NFT), Store: memory})
	out, err := e.Update(t.Context(), target)
	require.NoError(t, err)
	require.True(t, out.State.Wrote)
	require.Empty(t, out.Repaired, "that is no drift")
	require.Error(t, made.Do(func(ns.NetNS) error { return exec.Command("sh", "-c", "iptables-nft-save | grep -q NFLOG").Run() }))
}
