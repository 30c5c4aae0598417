//go:build kernel

package leak

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/effects/xtables"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/test/kit"
)

// TestACallOfTheOwnPod: by the explicit proxy, through egress and ingress. Where nobody listens the answer comes at once, in both families.
func TestACallOfTheOwnPod(t *testing.T) {
	everyBackend(t, func(t *testing.T, w *world, b xtables.Backend) {
		w.enforce(b, w.bound())
		w.startProxy()
		app := w.actor(0)
		id, err := app.Listen(kit.Listen{Network: "tcp", At: everywhere(8080), Echo: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi"})
		require.NoError(t, err)
		sources := map[netip.Addr]netip.Addr{kit.PodV4(): apis.IngressSourceV4(), kit.PodV6(): apis.IngressSourceV6()}
		for pod, source := range sources {
			for port, want := range map[uint16]string{8080: "HTTP/1.1 200", 9999: "HTTP/1.1 503"} {
				to := netip.AddrPortFrom(pod, port)
				began := time.Now()
				c, err := app.Dial(kit.Dial{Network: "tcp", To: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), apis.PortEgressHTTP)})
				require.NoError(t, err)
				require.NoError(t, app.Write(c, fmt.Sprintf("GET http://%[1]s/ HTTP/1.1\r\nHost: %[1]s\r\nConnection: close\r\n\r\n", to)))
				got, err := app.Read(c, 15*time.Second)
				require.NoError(t, err)
				require.NoError(t, app.Close(c))
				require.Contains(t, got.Text, want, "%s", to)
				require.Less(t, time.Since(began), 8*time.Second, "%s: a call without an answer takes the proxy ten", to)
			}
			all := app.Accepted(id)
			require.Equal(t, source, all[len(all)-1].Remote.Addr(), "by the ingress")
		}
	})
}
