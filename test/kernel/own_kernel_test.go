//go:build kernel

package kernel_test

import (
	"net"
	"net/netip"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/effects/podnet"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/test/kit"
)

// handsOn is how the proxy's ingress calls the application.
func (w *world) handsOn(f family, port uint16) kit.Dial {
	return kit.Dial{Network: "tcp", From: at(f.inner, 0), To: at(f.pod, port), Free: true}
}

// A caller of a port on which nobody listens must not wait for a time-out. From ::1 he did: the kernel sends no RST there from another address.
func TestTheIngressIsRefusedAtOnceWhereNobodyListens(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world, f family) {
		_, err := w.proxy.Dial(w.handsOn(f, 9999))
		require.ErrorContains(t, err, "refused", "a call without an answer ends with a time-out")
	})
}

// What software takes for the machine itself: loopback addresses (pg_hba's 127.0.0.1/32 and ::1/128, Redis' protected mode), and
// addresses of its interfaces (samehost).
func TestTheIngressDoesNotCallFromAnAddressThatSoftwareTrusts(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world, f family) {
		require.False(t, f.inner.IsLoopback())
		require.NoError(t, w.NS.Do(func() error {
			all, err := net.InterfaceAddrs()
			require.NoError(t, err)
			require.NotEmpty(t, all)
			for _, a := range all {
				p, err := netip.ParsePrefix(a.String())
				require.NoError(t, err)
				require.NotEqual(t, f.inner, p.Addr())
			}
			return nil
		}))
		again, err := podnet.Prepare(w.NS)
		require.NoError(t, err)
		require.Empty(t, again, "it is there already")
	})
}

// A proxy that started before an upgrade calls from where it did before.
func TestTheIngressOfAnOlderProxyReachesTheApplication(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world, f family) {
		from := map[bool]netip.Addr{true: addr("127.0.0.6"), false: addr("::1")}[f.pod.Is4()]
		got, err := w.proxy.Talk(kit.Talk{Dial: kit.Dial{Network: "tcp", From: at(from, 0), To: at(f.pod, 8081)}, Send: "hello"})
		require.NoError(t, err)
		require.Equal(t, "past the proxy hello", got.Text)
	})
}

// The address that the ingress calls from is local, so that every process of the pod may bind it, and a neighbour on the pod's link may
// call it. Neither gets past the proxy.
func TestTheAddressOfTheIngressIsNoWayRoundTheProxy(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world, f family) {
		from := func(d kit.Dial) kit.Dial {
			d.From, d.Free = at(f.inner, 0), true // no privilege: IP_FREEBIND
			return d
		}
		t.Run("for an application that speaks from it", func(t *testing.T) {
			w.requireRedirected(t, from(tcp(at(f.far, 80))))
			w.requireRedirected(t, from(tcp(at(f.node, 80))))
			got, err := w.app.Talk(kit.Talk{Dial: from(udp(at(f.far, 53))), Send: "name?"})
			require.NoError(t, err)
			require.Equal(t, "dns name?", got.Text)
			_, err = w.app.Talk(kit.Talk{Dial: short(from(udp(at(f.far, 9)))), Send: secret})
			require.Error(t, err)
			for _, port := range []uint16{apis.PortEgressTCP, apis.PortIngressTCP} {
				_, err = w.app.Talk(kit.Talk{Dial: short(from(tcp(at(f.pod, port)))), Send: secret})
				require.Error(t, err, "port %d", port)
			}
			w.requireSecretKept(t)
		})
		t.Run("for a neighbour that calls it", func(t *testing.T) {
			require.NoError(t, w.Node.Do(func() error {
				out, err := exec.Command("ip", "route", "add", f.inner.String(), "via", f.pod.String(), "dev", "pod0").CombinedOutput()
				require.NoError(t, err, "%s", out)
				return nil
			}))
			got, err := w.node.Talk(kit.Talk{Dial: tcp(at(f.inner, 80)), Send: "hello"})
			require.NoError(t, err)
			require.Equal(t, "ingress hello", got.Text)
			_, err = w.node.Talk(kit.Talk{Dial: short(tcp(at(f.inner, apis.PortEgressHTTP))), Send: "hello"})
			require.Error(t, err)
		})
	})
}
