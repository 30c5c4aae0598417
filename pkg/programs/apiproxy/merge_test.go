package apiproxy

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"data-space.liqo.io/pkg/decisions/window"
	"data-space.liqo.io/pkg/effects/upstream"
)

// merging is a proxy before a server whose guest has ConfigMaps of this size in each of 64 namespaces, and what the server has sent.
func merging(t *testing.T, size int) (*proxy, *atomic.Int64) {
	t.Helper()
	sent := &atomic.Int64{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if !strings.Contains(r.URL.Path, "/namespaces/") {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		fmt.Fprint(w, `{"kind":"ConfigMapList","apiVersion":"v1","metadata":{"resourceVersion":"7"},"items":[{"data":{"a":"`)
		chunk := bytes.Repeat([]byte("a"), 1<<10)
		for range size / len(chunk) {
			n, err := w.Write(chunk)
			sent.Add(int64(n))
			if err != nil {
				return
			}
		}
		fmt.Fprint(w, `"}}]}`)
	}))
	t.Cleanup(server.Close)
	to, err := upstream.New(&rest.Config{Host: server.URL})
	require.NoError(t, err)
	spaces := map[types.UID]space{}
	for i := range 64 {
		name := fmt.Sprintf("g-%d", i)
		spaces[types.UID(name)] = space{guest: "g", name: name, foreign: true}
	}
	return &proxy{server: to, guests: &sources{namespaces: spaces}, heavy: newLines(mostHeld), log: slog.New(slog.DiscardHandler)}, sent
}

func refusedList(ctx context.Context) (*plan, *http.Response) {
	request, _ := http.NewRequestWithContext(ctx, http.MethodGet, "/api/v1/configmaps", nil)
	planned := &plan{
		caller: upstream.Identity{Name: "alice"}, ids: []string{"g"}, verdict: window.Verdict{Action: window.Pass}, takeWithin: func(time.Duration) {},
		request: window.Request{Method: "GET", Resource: true, Verb: "list", Kind: schema.GroupResource{Resource: "configmaps"}, Version: "v1", Query: url.Values{}},
	}
	return planned, &http.Response{StatusCode: http.StatusForbidden, Header: http.Header{}, Body: http.NoBody, Request: request}
}

func TestAGuestsObjectsCannotMakeTheProxyHoldMoreThanABound(t *testing.T) {
	p, sent := merging(t, 8<<20)
	planned, response := refusedList(t.Context())
	defer response.Body.Close()
	_, err := p.merge(planned, response)
	require.True(t, apierrors.IsRequestEntityTooLargeError(err), "%v", err)
	require.Contains(t, err.Error(), "list each namespace alone")
	require.Less(t, sent.Load(), int64(256<<20), "of 512 MiB; what is beyond the bound is in the buffers of sockets")
	require.Empty(t, p.heavy.of, "the turn has ended")
}

func TestAGuestHoldsOneMergedListAtATime(t *testing.T) {
	p, _ := merging(t, 1<<10)
	planned, first := refusedList(t.Context())
	merged, err := p.merge(planned, first)
	require.NoError(t, err)
	require.True(t, merged)
	brief, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	planned, second := refusedList(brief)
	defer second.Body.Close()
	_, err = p.merge(planned, second)
	require.ErrorIs(t, err, context.DeadlineExceeded, "the first is not taken yet")
	raw, err := io.ReadAll(first.Body)
	require.NoError(t, err)
	require.Equal(t, 64, bytes.Count(raw, []byte(`{"data":`)))
	require.NoError(t, first.Body.Close())
	planned, third := refusedList(t.Context())
	merged, err = p.merge(planned, third)
	require.NoError(t, err)
	require.True(t, merged)
	require.NoError(t, third.Body.Close())
	require.Empty(t, p.heavy.of)
}

func TestAWatchsSnapshotWaitsForTheGuestsTurn(t *testing.T) {
	p, _ := merging(t, 1<<10)
	planned := &plan{ids: []string{"g"}, verdict: window.Verdict{Path: "/api/v1/namespaces/x/nodes", Query: url.Values{"resourceVersion": {"7"}}}}
	end, err := p.heavy.begin(t.Context(), "g")
	require.NoError(t, err)
	brief, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = p.snapshot(brief, planned)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Equal(t, 1, p.heavy.of["g"].users, "it waited for its turn, and waits no more")
	end()
	_, err = p.snapshot(t.Context(), planned)
	require.NoError(t, err)
	require.Empty(t, p.heavy.of)
}

func TestGuestsDoNotWaitForEachOtherUntilAllTurnsAreTaken(t *testing.T) {
	l, ended := newLines(2), func() context.Context { ctx, cancel := context.WithCancel(t.Context()); cancel(); return ctx }
	a, err := l.begin(t.Context(), "a")
	require.NoError(t, err)
	b, err := l.begin(t.Context(), "b")
	require.NoError(t, err)
	for _, guest := range []string{"a", "c"} {
		_, err = l.begin(ended(), guest)
		require.ErrorIs(t, err, context.Canceled)
	}
	b()
	b()
	c, err := l.begin(t.Context(), "c")
	require.NoError(t, err)
	a()
	c()
	require.Empty(t, l.of)
}
