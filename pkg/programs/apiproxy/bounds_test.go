package apiproxy

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/rest"

	"data-space.liqo.io/pkg/decisions/window"
	"data-space.liqo.io/pkg/effects/upstream"
)

// before returns a proxy before a server that answers so.
func before(t *testing.T, answer http.HandlerFunc) *proxy {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	to, err := upstream.New(&rest.Config{Host: server.URL})
	require.NoError(t, err)
	return &proxy{server: to, heavy: newLines(mostHeld), asking: newLines(mostAsking)}
}

func TestProbesAskTheAPIServerOnceASecond(t *testing.T) {
	var asked atomic.Int64
	c := &readiness{proxy: before(t, func(http.ResponseWriter, *http.Request) { asked.Add(1) })}
	probes := func(probe func(context.Context) error) {
		var group errgroup.Group
		for range 20 {
			group.Go(func() (err error) {
				for range 20 {
					if err == nil {
						err = probe(t.Context())
					}
				}
				return err
			})
		}
		require.NoError(t, group.Wait())
	}
	probes(c.ask)
	require.EqualValues(t, 400, asked.Swap(0), "each would cost a request")
	began := time.Now()
	probes(c.serves)
	require.LessOrEqual(t, asked.Load(), 1+int64(time.Since(began)/answerHolds))
	require.Positive(t, asked.Load())
}

func TestListsByWhichWatchesKnowWhatTheirCallersSawAreFewAtATime(t *testing.T) {
	var mu sync.Mutex
	now, most := map[string]int{}, map[string]int{}
	full := make(chan struct{}) // the lists that came first wait for it
	count := func(of string, by int) {
		mu.Lock()
		defer mu.Unlock()
		now[of] += by
		most[of] = max(most[of], now[of])
	}
	p := before(t, func(w http.ResponseWriter, r *http.Request) {
		guest := r.URL.Query().Get("labelSelector")
		count("all", 1)
		count(guest, 1)
		<-full
		count(guest, -1)
		count("all", -1)
		fmt.Fprint(w, `{"items":[]}`)
	})
	const guests, watches = 5, 8
	lists := func(list func(guest string) error, atOnce int) map[string]int {
		full = make(chan struct{})
		clear(most)
		var group errgroup.Group
		for i := range guests * watches {
			group.Go(func() error { return list(fmt.Sprint("guest-", i%guests)) })
		}
		require.Eventually(t, func() bool {
			mu.Lock()
			defer mu.Unlock()
			return now["all"] >= atOnce
		}, time.Minute, time.Millisecond)
		close(full)
		require.NoError(t, group.Wait())
		return most
	}
	query := func(guest string) url.Values { return url.Values{"labelSelector": {guest}, "resourceVersion": {"7"}} }
	unbounded := lists(func(guest string) error {
		return p.objects(t.Context(), "/api/v1/nodes", query(guest), metadataOnly, func(objectDocument) error { return nil })
	}, guests*watches)
	require.Equal(t, guests*watches, unbounded["all"], "without turns all are held at once")
	bounded := lists(func(guest string) error {
		_, err := p.snapshot(t.Context(), &plan{ids: []string{guest}, verdict: window.Verdict{Path: "/api/v1/nodes", Query: query(guest)}})
		return err
	}, mostHeld)
	require.Equal(t, mostHeld, bounded["all"])
	for i := range guests {
		require.Equal(t, 1, bounded[fmt.Sprint("guest-", i)], "a guest waits for itself first")
	}
	require.Empty(t, p.heavy.of, "nothing is left of those who had their turn")
}
