package recorder

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"time"

	"data-space.liqo.io/pkg/effects/localsock"
	"data-space.liqo.io/pkg/values/agentapi"
)

// Handler answers with the entries of the record in a folder that an agentapi.RequestQuery chooses.
func Handler(root string) http.Handler {
	if root == "" {
		return http.NotFoundHandler()
	}
	return localsock.Answer(func(w http.ResponseWriter, r *http.Request) error {
		asked, err := agentapi.ParseRequestQuery(r.URL.Query())
		if err != nil {
			return err
		}
		q := Query{Guest: asked.Guest, Pod: asked.Pod, Since: asked.Since, JSON: asked.JSON, Probes: asked.Probes, Brief: !asked.Wide}
		if asked.Follow {
			return q.follow(r.Context(), w, root, func() { _ = http.NewResponseController(w).Flush() })
		}
		return Print(w, root, q)
	})
}

// followEvery is the time between two looks for more entries: the recorder copies the logs four times a second.
const followEvery = 500 * time.Millisecond

// follow prints entries as Print does, and those that are recorded from then on until the context ends: all guests' in the order in which
// they are found.
func (q Query) follow(ctx context.Context, w io.Writer, root string, flush func()) error {
	t := newTable(w)
	q.head(t)
	known := map[string]*reading{}
	ctx, cancel := context.WithTimeout(ctx, agentapi.LongestFollow)
	defer cancel()
	tick, beat := time.NewTicker(followEvery), time.NewTicker(agentapi.FollowBeat)
	defer tick.Stop()
	defer beat.Stop()
	for {
		guests, err := guestFolders(root)
		if err != nil {
			return err
		}
		for _, guest := range guests {
			if q.Guest != "" && guest != folder(q.Guest) {
				continue
			}
			if known[guest] == nil {
				known[guest] = &reading{}
			}
			if err := q.guest(t, filepath.Join(root, guest), known[guest]); err != nil {
				return err
			}
		}
		if err := t.Flush(); err != nil {
			return err
		}
		flush()
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-beat.C:
			fmt.Fprintln(w)
		}
	}
}
