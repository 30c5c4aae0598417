//go:build api && bench

package proxy

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"data-space.liqo.io/pkg/values/apis"
)

// TestWhatTheProxyCosts measures requests by the proxy beside the same requests to the API server itself, in one run.
func TestWhatTheProxyCosts(t *testing.T) {
	w, stop := newWorld(t).another(t, "--max-requests-per-caller=1200") // 1,000 watches of one guest
	t.Cleanup(func() { require.NoError(t, stop()) })
	w.many(t, 10_000, 100)
	proxied, direct := w.user(t, "measured", "measured")
	selector := apis.LabelRemoteCluster + "=measured,!" + apis.LabelTenantNamespace
	lists := func(config *rest.Config, selector string) time.Duration {
		config = rest.CopyConfig(config)
		config.QPS = -1 // the client does not wait
		c := clients(t, config).CoreV1().Namespaces()
		return median(t, 100, func() error {
			list, err := c.List(t.Context(), metav1.ListOptions{LabelSelector: selector})
			if err == nil && len(list.Items) != 100 {
				err = fmt.Errorf("%d namespaces", len(list.Items))
			}
			return err
		})
	}
	bare, ours := lists(w.Config, selector), lists(proxied, "")
	t.Logf("list of 100 namespaces among 10,000: %s by the proxy, %s directly, ratio %.2f", ours, bare, float64(ours)/float64(bare))
	gets := func(config *rest.Config) time.Duration {
		config = rest.CopyConfig(config)
		config.QPS = -1
		c := clients(t, config).Discovery()
		return median(t, 500, func() error { _, err := c.ServerVersion(); return err })
	}
	bare, ours = gets(direct), gets(proxied)
	t.Logf("a GET that passes through: %s by the proxy, %s directly, added %s", ours, bare, ours-bare)
	t.Logf("resident: %d MiB at rest", w.resident(t)>>20)
	w.idle(t, proxied)
	w.load(t, proxied)
}

// many makes namespaces of others, and of the guest that is measured.
func (w *world) many(t *testing.T, all, own int) {
	t.Helper()
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(20)
	for i := range all {
		guest := "crowd"
		if i < own {
			guest = "measured"
		}
		group.Go(func() error {
			_, err := w.Clients.CoreV1().Namespaces().Create(ctx, named(fmt.Sprintf("crowd-%d", i), guest), metav1.CreateOptions{})
			return err
		})
	}
	require.NoError(t, group.Wait())
}

func median(t *testing.T, times int, f func() error) time.Duration {
	t.Helper()
	require.NoError(t, f())
	took := make([]time.Duration, times)
	for i := range took {
		began := time.Now()
		require.NoError(t, f())
		took[i] = time.Since(began)
	}
	slices.Sort(took)
	return took[times/2]
}

// resident returns the proxy's memory.
func (w *world) resident(t *testing.T) (bytes int) {
	t.Helper()
	statuses, err := filepath.Glob("/proc/[0-9]*/status")
	require.NoError(t, err)
	for _, file := range statuses {
		text, err := os.ReadFile(file)
		if err != nil || !strings.HasPrefix(string(text), "Name:\tproxy\n") {
			continue
		}
		var kib int
		_, rest, _ := strings.Cut(string(text), "VmRSS:")
		_, err = fmt.Sscan(rest, &kib)
		require.NoError(t, err)
		bytes = max(bytes, kib<<10)
	}
	return bytes
}

// idle opens 1,000 watches, of callers of their own.
func (w *world) idle(t *testing.T, config *rest.Config) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	before := w.resident(t)
	for caller := range 10 {
		proxied, _ := w.user(t, fmt.Sprintf("watcher-%d", caller), "measured")
		transport, err := rest.TransportFor(proxied)
		require.NoError(t, err)
		for range 100 {
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, config.Host+"/api/v1/namespaces?watch=1&resourceVersion=0", nil)
			require.NoError(t, err)
			response, err := transport.RoundTrip(request)
			require.NoError(t, err)
			defer response.Body.Close()
			require.Equal(t, http.StatusOK, response.StatusCode)
			one := make([]byte, 1)
			_, err = response.Body.Read(one)
			require.NoError(t, err)
		}
	}
	t.Logf("1,000 idle watches: %d MiB more (%d MiB in all)", (w.resident(t)-before)>>20, w.resident(t)>>20)
}

// load sends as many requests as 64 clients can for ten seconds.
func (w *world) load(t *testing.T, config *rest.Config) {
	t.Helper()
	transport, err := rest.TransportFor(config)
	require.NoError(t, err)
	var done, failed atomic.Int64
	var group sync.WaitGroup
	const lasts = 10 * time.Second
	ctx, stop := context.WithTimeout(t.Context(), lasts)
	defer stop()
	for range 64 {
		group.Go(func() {
			for ctx.Err() == nil {
				request, err := http.NewRequest(http.MethodGet, config.Host+"/version", nil)
				if err != nil {
					failed.Add(1)
					return
				}
				response, err := transport.RoundTrip(request)
				if err != nil || response.StatusCode != http.StatusOK {
					failed.Add(1)
					continue
				}
				_ = response.Body.Close()
				done.Add(1)
			}
		})
	}
	group.Wait()
	t.Logf("%d requests a second pass, %d failed (client, proxy and API server share %d cores)", done.Load()/int64(lasts/time.Second), failed.Load(), runtime.NumCPU())
	require.Zero(t, failed.Load())
}
