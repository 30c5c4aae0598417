//go:build kernel

package transparent

import (
	"encoding/json"
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/envoy"
	"data-space.liqo.io/pkg/decisions/follow"
	"data-space.liqo.io/pkg/decisions/record"
	"data-space.liqo.io/test/kit"
)

// With the module that reads along, no exchange of the corpus differs by a byte, in any direction, and the record has each: its requests, or
// that they are not read.
func TestWithTheFollowerNotAByteDiffers(t *testing.T) {
	w, all := newWorldWith(t, envoy.Settings{Reader: kit.Follower(t)}), corpus()
	for i, way := range [][2]*place{{w.foreign, w.server}, {w.server, w.foreign}, {w.foreign, w.guest}} {
		base := 24000 + 1000*i
		last := settled(way[0], way[1], base, all, untouched)
		for _, e := range all {
			require.Equal(t, seen{e.request, e.sent()}, last[e.name], "%s, %s to %s", e.name, way[0].name, way[1].name)
		}
		for i, e := range all {
			requireFollowed(t, w.foreign, net.JoinHostPort(way[1].v4.String(), strconv.Itoa(base+i)), e)
		}
	}
}

// requireFollowed waits for the lines about an exchange: as many requests as the reader finds in it, or that it is unread.
func requireFollowed(t *testing.T, p *place, destination string, e exchange) {
	t.Helper()
	c := &follow.Connection{}
	want := map[string]int{}
	for _, event := range append(c.Sent([]byte(e.request)), c.Answered([]byte(strings.ReplaceAll(e.response, piece, "")))...) {
		if event.Kind == follow.Began {
			want[event.Path]++
		}
	}
	require.Eventually(t, func() bool {
		got, unread := map[string]int{}, false
		var pairing record.Pairing
		for raw := range strings.Lines(p.proxy.stderr.String()) {
			if !strings.Contains(raw, destination) {
				continue
			}
			entry := pairing.Whole(record.Line(record.Source{}, record.Position{}, record.Piece{Content: []byte(raw)}, 0))
			var line struct{ Event, Kind, Path, Side string }
			if json.Unmarshal(entry.Log, &line) != nil {
				continue
			}
			switch {
			case line.Event == "Begin" && line.Kind == "http":
				got[line.Path]++
			case line.Event == "Unread" && line.Side == "requests":
				unread = true
			}
		}
		if len(want) == 0 {
			return unread
		}
		for path, count := range want {
			if got[path] < count {
				return false
			}
		}
		return true
	}, waitLong, waitStep, "%s: the lines of %s", e.name, destination)
}
