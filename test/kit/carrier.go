package kit

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"

	"data-space.liqo.io/pkg/effects/netns"
)

// AwaitCarrier waits until an interface transmits. The kernel activates an interface whose peer came up later from a work queue,
// up to a second after that (net/core/link_watch.c), and drops what is sent until then: a packet that nothing repeats is lost.
func AwaitCarrier(tb testing.TB, ns *netns.Namespace, name string) {
	tb.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		var state netlink.LinkOperState
		in(tb, ns, func() {
			link, err := netlink.LinkByName(name)
			require.NoError(tb, err)
			state = link.Attrs().OperState
		})
		if state == netlink.OperUp {
			return
		}
		require.True(tb, time.Now().Before(deadline), "interface %s has no carrier: it is %s", name, state)
	}
}
