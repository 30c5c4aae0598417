//go:build kernel

package envoy

import (
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What a client sends behind an offer of an upgrade waits until the server has taken it: a server that ignores offers would take it for
// requests, of which the record knew nothing. Without a proxy it does.
func TestNoRequestHidesBehindAnOffer(t *testing.T) {
	w := newWorld(t, settings())
	got := w.record(t, w.peer, peer4)
	for _, offered := range []string{"websocket", "tcp\r\nContent-Length: 0", "SPDY/3.1"} {
		const hidden = "GET /hidden HTTP/1.1\r\nHost: h\r\n\r\n"
		offer := "POST /offer HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: " + offered + "\r\n\r\n"
		c := w.connection(t, w.pod, "tcp", peer4, 8080)
		fmt.Fprint(c, offer+hidden)
		_, err := io.ReadAll(c)
		require.NoError(t, err, offered)
		require.Contains(t, take(t, got).head, "/offer")
		time.Sleep(10 * waitStep)
		require.Empty(t, got, offered)

		fmt.Fprint(w.connection(t, w.peer, "tcp", peer4, 8080), offer+hidden)
		require.Contains(t, take(t, got).head, "/offer")
		require.Contains(t, take(t, got).head, "/hidden")
	}
}
