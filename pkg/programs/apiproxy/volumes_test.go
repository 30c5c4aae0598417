package apiproxy

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"data-space.liqo.io/pkg/decisions/window"
	"data-space.liqo.io/pkg/effects/upstream"
)

func TestWatchesThatAskAboutClaimsHoldNoTurnOfOthers(t *testing.T) {
	const guests = mostHeld + 1
	asked, may := make(chan string, guests), make(chan struct{})
	p := before(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/persistentvolumes") {
			fmt.Fprint(w, `{"items":[{"metadata":{"name":"v"},"spec":{"claimRef":{"namespace":"a","name":"c","uid":"u"}}},{"metadata":{"name":"free"}}]}`)
			return
		}
		asked <- r.Header.Get("Impersonate-User")
		<-may
		fmt.Fprint(w, `{"items":[{"metadata":{"name":"c","uid":"u"}}]}`)
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var group errgroup.Group
	for i := range guests {
		group.Go(func() error {
			guest := fmt.Sprint("guest-", i)
			shown, err := p.snapshot(ctx, &plan{ids: []string{guest}, caller: upstream.Identity{Name: guest}, spaces: []string{"a"}, verdict: window.Verdict{
				OwnVolumes: true, Watch: true, Path: "/api/v1/persistentvolumes", Query: url.Values{"resourceVersion": {"7"}},
			}})
			if err == nil && (len(shown) != 1 || !shown["v"]) {
				err = fmt.Errorf("%v", shown)
			}
			return err
		})
	}
	for range guests { // more than have a turn at a time
		select {
		case <-asked:
		case <-ctx.Done():
			t.Fatal("a guest waits for another's claims")
		}
	}
	close(may)
	require.NoError(t, group.Wait())
	require.Empty(t, p.heavy.of)
	require.Empty(t, p.asking.of)
}

func TestAWatchEndsWhenWhatItFollowsIsNotTheSame(t *testing.T) {
	var all watches
	moved, looked := make(chan chan struct{}, 3), make(chan bool)
	first, second := make(chan struct{}), make(chan struct{})
	moved <- first
	moved <- second
	moved <- nil
	ctx, end := all.begin(t.Context(), func() bool { return true }, func() (<-chan struct{}, bool) {
		next := <-moved
		looked <- true
		return next, next != nil
	})
	defer end()
	<-looked
	close(first) // something has changed, and not what the watch follows
	<-looked
	require.NoError(t, ctx.Err())
	close(second)
	<-looked
	<-ctx.Done()
	require.Equal(t, changed, endedHere(ctx))
}
