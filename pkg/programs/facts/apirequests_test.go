package facts_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/apiaudit"
	"data-space.liqo.io/pkg/decisions/record"
	"data-space.liqo.io/pkg/effects/factlines"
	"data-space.liqo.io/pkg/effects/logfollow"
	"data-space.liqo.io/pkg/effects/recordfile"
	"data-space.liqo.io/pkg/programs/recorder"
	"data-space.liqo.io/pkg/values/agentapi"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/fact"
)

// containerLog writes lines as a container runtime keeps them.
type containerLog struct{ *os.File }

// Write implements io.Writer.
func (l containerLog) Write(text []byte) (int, error) {
	for line := range bytes.Lines(text) {
		if _, err := fmt.Fprintf(l.File, "%s stdout F %s", time.Now().UTC().Format(time.RFC3339Nano), line); err != nil {
			return 0, err
		}
	}
	return len(text), nil
}

// The API proxy's output in its container's log on the node, the agent's recorder, its logs of facts, and the question of "agent ask".
func TestARequestToTheAPIProxyIsAFactInTheLogOfItsCallersGuest(t *testing.T) {
	logs, requests, folder := t.TempDir(), t.TempDir(), filepath.Join(t.TempDir(), "facts")
	of := filepath.Join(logs, apis.SystemNamespace+"_data-space-proxy-6d5-x_uid", "proxy")
	require.NoError(t, os.MkdirAll(of, 0o750))
	file, err := os.Create(filepath.Join(of, "0.log"))
	require.NoError(t, err)
	defer file.Close()

	e := newEmitter(config(folder))
	logOfGuests := e.Guests(requests)
	stop := start(t, e)
	defer stop()
	guests := map[string]string{"pharma-a": "pharma", "rival-a": "rival"}
	r, err := recorder.New(recorder.Config{
		Logs: logs, Folder: requests, Log: slog.New(slog.DiscardHandler), Node: 1 << 30, Removed: 1 << 30, Limits: recordfile.Limits{Total: 16 << 20, Segment: 1 << 20},
		Shared: logfollow.Limits{Rate: 16 << 20, Burst: 16 << 20, Lag: 64 << 20},
		Sources: func() []record.Source {
			return recorder.Names(logfollow.Pods(logs, apis.SystemNamespace, apis.Logging()), guests)
		},
		Concerns: func(e record.Entry) bool { return record.Concerns(e, guests) }, Synced: logOfGuests.Synced,
	})
	require.NoError(t, err)
	ctx, end := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	defer func() { end(); require.NoError(t, <-done) }()

	output := containerLog{file}
	sink := factlines.New(output)
	for _, guest := range []string{"pharma", "rival", "", "unknown"} {
		request := apiaudit.Request{ID: "id-of-" + guest, Sender: apiaudit.User{Name: "user of " + guest}, Verb: "list", Resource: true, Kind: "nodes", Verdict: "narrow", Code: 200, Came: time.Now()}
		if guest != "" {
			request.Guests = []string{guest}
		}
		event, err := request.Event()
		require.NoError(t, err)
		_, err = output.Write(event) // --audit-log-path=-
		require.NoError(t, err)
		sink.Emit(request.Fact())
	}
	sink.Close()

	ids := func(log string) (ids []string) {
		query := agentapi.FactQuery{Log: log, Kinds: []string{string(fact.APIRequested)}}
		answer := httptest.NewRecorder()
		e.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, agentapi.FactsPath+"?"+query.Values().Encode(), nil))
		text, err := io.ReadAll(answer.Result().Body)
		require.NoError(t, err)
		if answer.Code != http.StatusOK {
			return nil // the log has not begun
		}
		for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
			f, err := fact.Decode(lines.Bytes())
			require.NoError(t, err)
			ids = append(ids, f.Details["id"])
		}
		return ids
	}
	for log, want := range map[string][]string{"pharma": {"id-of-pharma"}, "rival": {"id-of-rival"}, "_none": {"id-of-", "id-of-unknown"}} {
		require.Eventually(t, func() bool { return len(ids(log)) >= len(want) }, patience, 20*time.Millisecond, log)
		require.Equal(t, want, ids(log), log)
	}
	require.Empty(t, ids(""), "none is in the log of the node")
}
