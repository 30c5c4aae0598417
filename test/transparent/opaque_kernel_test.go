//go:build kernel

package transparent

import (
	"net"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// The way out that docs/transparency.md names for each difference: not a byte differs on an opaque port, in any direction, and the
// record holds the connection.
func TestOnOpaquePortsNotAByteDiffers(t *testing.T) {
	const base, count = 24000, 30
	var all []exchange
	for _, e := range corpus() {
		if _, differs := differences()[e.name]; differs {
			all = append(all, e)
		}
	}
	require.Greater(t, len(all), count)
	var ports []uint16
	for port := range uint16(count) {
		ports = append(ports, base+port)
	}
	w := newWorld(t, ports...)
	for begin := 0; begin < len(all); begin += count {
		part := all[begin:min(begin+count, len(all))]
		for _, way := range [][2]*place{{w.foreign, w.server}, {w.server, w.foreign}, {w.foreign, w.guest}} {
			last := settled(way[0], way[1], base, part, untouched)
			for _, e := range part {
				require.Equal(t, seen{e.request, e.sent()}, last[e.name], "%s, %s to %s", e.name, way[0].name, way[1].name)
			}
		}
	}
	address := net.JoinHostPort(w.server.v4.String(), strconv.Itoa(base))
	line := w.foreign.logged(t, func(l map[string]any) bool { return l["original_destination"] == address })
	require.Equal(t, "tcp", line["kind"])
}
