//go:build kernel

package envoy

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/envoy"
	"data-space.liqo.io/pkg/decisions/record"
	"data-space.liqo.io/pkg/values/workload"
)

// What proxies of either kind write of a probe is marked to the last line. Here the peer is the node.
func TestEachLineOfAProbeIsMarked(t *testing.T) {
	for reader, s := range map[string]envoy.Settings{"codec": settings(), "module": following(t)} {
		t.Run(reader, func(t *testing.T) {
			w := newWorld(t, s)
			w.record(t, w.pod, pod4)
			w.listen(t, w.pod, pod4, 7, echo)
			w.exchange(t, w.peer, pod4, 8080, "GET /healthz HTTP/1.1\r\nHost: h\r\nUser-Agent: kube-probe/1.30\r\nConnection: close\r\n\r\n")
			c := w.connection(t, w.peer, "tcp", pod4, 7)
			require.NoError(t, c.Close())
			w.exchange(t, w.peer, pod4, 8080, "GET /else HTTP/1.1\r\nHost: h\r\n\r\n")
			w.logged(t, byPath("/healthz"))
			w.logged(t, byPath("/else"))
			w.logged(t, func(l map[string]any) bool {
				return l["original_destination"] == pod4+":7" && l["event"] == "TcpConnectionEnd"
			})
			probes := record.Probes{
				Node: func(a netip.Addr) bool { return a.String() == peer4 },
				Of: func(record.Source) []workload.Probe {
					return []workload.Probe{{Port: 8080, Method: "GET", Path: "/healthz", Period: time.Second}, {Port: 7, Period: time.Second}}
				},
			}
			var marked, others []string
			for text := range strings.Lines(w.stderr.String() + w.stdout.String()) {
				e := record.Line(record.Source{}, record.Position{}, record.Piece{Time: "2026-01-02T03:04:05Z", Content: []byte(text)}, 0)
				if e = probes.Marked(e); e.Probe {
					marked = append(marked, text)
				} else if !record.Chatter(e) {
					others = append(others, text)
				}
			}
			require.Contains(t, strings.Join(marked, ""), "/healthz")
			require.False(t, slices.ContainsFunc(others, func(l string) bool { return strings.Contains(l, "/healthz") || strings.Contains(l, pod4+":7") }), "%s", others)
			require.Contains(t, strings.Join(others, ""), "/else")
		})
	}
}
