//go:build kernel

package envoy

import (
	"bytes"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/envoy"
)

// everywhere makes more connections through all listeners at once than the proxy takes. Their servers write without end, and their clients do not read.
func everywhere(t *testing.T, w *world) {
	t.Helper()
	one := slow("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	forwarded := slow("GET http://" + chatty4 + "/ HTTP/1.1\r\nHost: h\r\n\r\n")
	var group sync.WaitGroup
	for _, f := range []filling{{1000, one, out, chatty4}, {1000, one, into, podChatty}, {1000, forwarded, out, explicit4}} {
		group.Go(func() { f.run(t, w, 5*time.Second) })
	}
	group.Wait()
}

// moreConnections gives each listener as many connections as the whole proxy has.
func moreConnections(config []byte) []byte {
	return bytes.ReplaceAll(config, []byte(`max_active_downstream_connections: "1088"`), []byte(`max_active_downstream_connections: "3136"`))
}

// The connections of all listeners together fit in the memory limit; as many for each listener do not.
func TestTheProxysMemoryIsBoundedOverAllListeners(t *testing.T) {
	for reader, s := range map[string]envoy.Settings{"codec": settings(), "module": following(t)} {
		t.Run(reader, func(t *testing.T) {
			w := &world{cage: newCage(t)}
			w.fillable(t, s)
			everywhere(t, w)
			require.Zero(t, w.cage.kills(t), "the proxy was killed")
			t.Log("peak", w.cage.read(t, w.cage.peak))
			require.Eventually(t, func() bool { return w.answers() }, 3*waitLong, 10*waitStep, "it serves again")
		})
	}
	t.Run("more connections", func(t *testing.T) {
		w := &world{cage: newCage(t)}
		w.cage.change = moreConnections
		w.fillable(t, following(t))
		w.cage.atMost(t, 8*sidecarMemory)
		peak := func() int {
			n, err := strconv.Atoi(w.cage.read(t, w.cage.peak))
			require.NoError(t, err)
			return n
		}
		for range 6 { // a busy machine fills slowly
			if peak() <= sidecarMemory {
				everywhere(t, w)
			}
		}
		require.Greater(t, peak(), sidecarMemory)
	})
}
