//go:build kernel

package sockets_test

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/effects/sockets"
	"data-space.liqo.io/test/kit"
)

func TestMain(m *testing.M) { kit.Main(m) }

func TestConnectionsEndButThoseOfTheProxy(t *testing.T) {
	const proxy = 1303
	p := kit.NewPod(t)
	node := kit.NewActor(t, kit.Identity{NS: p.Node})
	listener, err := node.Listen(kit.Listen{Network: "tcp", At: netip.AddrPortFrom(netip.IPv6Unspecified(), 80), Echo: "outside "})
	require.NoError(t, err)
	for _, a := range []netip.Addr{kit.FarV4(), kit.FarV6()} {
		_, err := node.Listen(kit.Listen{Network: "udp", At: netip.AddrPortFrom(a, 53), Echo: "name "})
		require.NoError(t, err)
	}
	type open struct {
		who  *kit.Actor
		id   int
		ends bool
	}
	var all []open
	for uid, ends := range map[uint32]bool{0: true, 1000: true, proxy: false} {
		who := kit.NewActor(t, kit.Identity{NS: p.NS, UID: uid, GID: uid})
		for _, to := range []netip.Addr{kit.FarV4(), kit.FarV6()} {
			for network, port := range map[string]uint16{"tcp": 80, "udp": 53} {
				id, err := who.Dial(kit.Dial{Network: network, To: netip.AddrPortFrom(to, port)})
				require.NoError(t, err)
				require.NoError(t, who.Write(id, "hello"))
				_, err = who.Await(id)
				require.NoError(t, err)
				all = append(all, open{who, id, ends})
			}
		}
	}
	inner := kit.NewActor(t, kit.Identity{NS: p.NS})
	_, err = inner.Listen(kit.Listen{Network: "tcp", At: netip.MustParseAddrPort("127.0.0.1:80"), Echo: "inside "})
	require.NoError(t, err)
	id, err := inner.Dial(kit.Dial{Network: "tcp", To: netip.MustParseAddrPort("127.0.0.1:80")})
	require.NoError(t, err)
	all = append(all, open{inner, id, false})

	ended, err := sockets.End(p.NS, proxy)
	require.NoError(t, err)
	require.Equal(t, 8, ended)
	require.NoError(t, sockets.Forget(p.NS))
	for _, c := range all {
		err := c.who.Write(c.id, "still there")
		if err == nil {
			_, err = c.who.Read(c.id, time.Second)
		}
		require.Equal(t, c.ends, err != nil, "%v", err)
	}
	require.Eventually(t, func() bool { return len(node.Accepted(listener)) == 6 }, 30*time.Second, 10*time.Millisecond)
	again, err := sockets.End(p.NS, proxy)
	require.NoError(t, err)
	require.Zero(t, again)
}

// A tenant may have more connections than are listed at once.
func TestAllConnectionsEndHoweverManyThereAre(t *testing.T) {
	const all, atOnce = 25, 10
	p := kit.NewPod(t)
	require.NoError(t, p.NS.Do(func() error {
		for range all {
			c, err := net.Dial("udp", netip.AddrPortFrom(kit.FarV4(), 53).String())
			if err != nil {
				return err
			}
			t.Cleanup(func() { _ = c.Close() })
		}
		return nil
	}))
	ended, err := sockets.EndIn(p.NS, 1303, atOnce)
	require.NoError(t, err)
	require.Equal(t, all, ended)
	ended, err = sockets.EndIn(p.NS, 1303, 1)
	require.NoError(t, err)
	require.Zero(t, ended)
}
