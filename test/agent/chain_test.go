//go:build kernel

package agent_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/effects/sandbox"
)

// Another program rewrites the CNI configuration without our entry all the time; whatever the runtime has read when a pod
// starts, the pod is closed when the runtime calls it ready.
func TestNoPodSlipsInWhileTheChainIsRewritten(t *testing.T) {
	g := newGated(t)
	client, err := sandbox.Dial(t.Context(), g.node.socket)
	require.NoError(t, err)
	defer client.Close()
	file := filepath.Join(g.chain.Conf, "test.conflist")
	original, err := os.ReadFile(file)
	require.NoError(t, err)
	a := newAPI()
	r := startAgent(t, g.node, a, filepath.Join(t.TempDir(), "guarded"))
	g.announce(t, r, client, true)

	over := make(chan struct{})
	var others sync.WaitGroup
	others.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-over:
				return
			case <-time.After(time.Duration(i%7) * 10 * time.Millisecond):
			}
			hidden := filepath.Join(g.chain.Conf, "other.tmp")
			if os.WriteFile(hidden, original, 0o600) != nil || os.Rename(hidden, file) != nil {
				return
			}
		}
	})
	const starts = 12
	for i := range starts {
		box, err := g.try(g.config("pharma", fmt.Sprint("pod-", i)))
		require.NoError(t, err)
		require.Equal(t, 2, strings.Count(g.rules(client, box), ":OUTPUT DROP"), "start %d", i)
	}
	close(over)
	others.Wait()
	require.Eventually(t, func() bool {
		text, err := os.ReadFile(file)
		return err == nil && strings.Contains(string(text), "data-space-cni")
	}, 30*time.Second, time.Millisecond, "it is put back")
}
