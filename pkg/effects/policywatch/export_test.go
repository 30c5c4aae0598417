package policywatch

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/netpol"
)

// RunInto runs the watch until the test ends. The changes go into the index, under the lock. It returns once the index has the whole cluster.
func RunInto(t *testing.T, w *Watch, mu *sync.Mutex, index *netpol.Index) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		w.Run(ctx, func(changes []netpol.Change) {
			mu.Lock()
			defer mu.Unlock()
			index.Apply(changes...)
		}, func() {})
	})
	t.Cleanup(func() { cancel(); running.Wait() })
	require.Eventually(t, w.Synced, 30*time.Second, time.Millisecond)
}
