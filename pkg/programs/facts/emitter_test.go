package facts_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/effects/factlog"
	"data-space.liqo.io/pkg/programs/facts"
	"data-space.liqo.io/pkg/values/agentapi"
	"data-space.liqo.io/pkg/values/fact"
)

// patience is how long a test waits for what must come.
const patience = time.Minute

func config(folder string) facts.Config {
	return facts.Config{
		Folder: folder, Options: factlog.Options{Node: "node-1", Total: 16 << 20, Segment: 1 << 20, Age: time.Hour},
		Log: slog.New(slog.DiscardHandler), Started: []string{"--enable=redirect"},
	}
}

// run runs an emitter until the returned function is called, which waits for its end.
func run(t *testing.T, c facts.Config) (e *facts.Emitter, stop func()) {
	t.Helper()
	e = newEmitter(c)
	return e, start(t, e)
}

func newEmitter(c facts.Config) *facts.Emitter { return facts.New(c, prometheus.NewRegistry()) }

// start runs an emitter until the returned function is called.
func start(t *testing.T, e *facts.Emitter) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	return func() { cancel(); require.NoError(t, <-done) }
}

func recorded(t *testing.T, folder string) []fact.Recorded {
	t.Helper()
	var all []fact.Recorded
	require.NoError(t, factlog.Folder(folder).Lines(0, func(_ int64, line []byte) error {
		r, err := fact.Decode(line)
		all = append(all, r)
		return err
	}))
	return all
}

func kinds(all []fact.Recorded) []fact.Kind {
	var names []fact.Kind
	for _, r := range all {
		names = append(names, r.Kind)
	}
	return names
}

// events are the Events that were written.
type events []string

func (e *events) Normal(namespace, name, _, reason, _ string) {
	*e = append(*e, namespace+"/"+name+" "+reason)
}
func (e *events) Warning(namespace, name, _, reason, _ string) {
	*e = append(*e, namespace+"/"+name+" "+reason)
}

func (e *events) OnNode(reason, _ string) { *e = append(*e, "node "+reason) }

func TestAnEventIsAFactOnceAndTheAgentsLivesAreInTheLog(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "facts")
	e, stop := run(t, config(folder))
	var written events
	r := e.Reporting(&written, func(namespace string) string { return "guest of " + namespace })
	r.Warning("space", "pod", "uid", "DriftRepaired", "a chain was flushed\n{\"kind\":\"AgentStopped\"}")
	stop()
	require.Equal(t, events{"space/pod DriftRepaired"}, written)
	all := recorded(t, folder)
	require.Equal(t, []fact.Kind{fact.LogStarted, fact.AgentStarted, "DriftRepaired", fact.AgentStopped}, kinds(all))
	require.Equal(t, fact.Subject{Guest: "guest of space", Namespace: "space", Pod: "pod", UID: "uid"}, all[2].Subject)
	require.True(t, all[2].Warning)
	require.Len(t, all[1].Details["configuration"], 64)
	require.Empty(t, all[1].Details["before"])

	c := config(folder)
	c.Started = []string{"--enable=redirect,networkpolicy"}
	_, stop = run(t, c)
	stop()
	all = recorded(t, folder)[4:]
	require.Equal(t, []fact.Kind{fact.AgentStarted, fact.ConfigurationChanged, fact.AgentStopped}, kinds(all))
	require.Equal(t, "ended in order", all[0].Details["before"])

	l, err := factlog.Open(folder, c.Options) // an agent that is killed
	require.NoError(t, err)
	_, err = l.Append([]fact.Fact{{Kind: fact.AgentStarted}})
	require.NoError(t, err)
	require.NoError(t, l.Close())
	_, stop = run(t, c)
	stop()
	all = recorded(t, folder)[8:]
	require.Equal(t, []fact.Kind{fact.AgentStarted, fact.AgentUpgraded, fact.ConfigurationChanged, fact.AgentStopped}, kinds(all))
	require.Contains(t, all[0].Details["before"], "killed")
}

func TestAFloodIsBoundedOnDiskAndHidesNoOtherPod(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "facts")
	e, stop := run(t, config(folder))
	for i := range 50_000 {
		e.Emit(fact.Fact{Kind: "FramesDropped", Message: strings.Repeat("x", 10_000), Subject: fact.Subject{Namespace: "space", Pod: fmt.Sprint(i % 10)}})
	}
	e.Emit(fact.Fact{Kind: "Quarantined", Subject: fact.Subject{Namespace: "space", Pod: "quiet"}})
	stop()
	all := recorded(t, folder)
	require.Less(t, len(all), 2000, "of 50,000")
	counts := map[fact.Kind]int64{}
	for _, r := range all {
		counts[r.Kind] += max(1, r.Count)
	}
	require.EqualValues(t, 1, counts["Quarantined"])
	require.EqualValues(t, 50_000, counts["FramesDropped"]+counts[fact.FactsCounted]+counts[fact.FactsLost], "each is recorded or counted")
}

func TestFactsWaitWhileTheLogCannotBeWrittenAndWhatIsLostIsCounted(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "facts")
	held, err := factlog.Open(folder, config(folder).Options) // by an agent that ends
	require.NoError(t, err)
	e, stop := run(t, config(folder))
	for i := range 5000 { // more than may wait
		e.Emit(fact.Fact{Kind: "Enforced", Subject: fact.Subject{Namespace: "space", Pod: fmt.Sprint(i)}})
	}
	require.Eventually(t, func() bool { return e.Status().Problem != "" }, patience, 10*time.Millisecond)
	require.NoError(t, held.Close())
	require.Eventually(t, func() bool { return e.Status().Problem == "" }, patience, 10*time.Millisecond)
	stop()
	counts := map[fact.Kind]int64{}
	for _, r := range recorded(t, folder) {
		counts[r.Kind] += max(1, r.Count)
		if r.Kind == fact.FactsLost {
			since, err := time.Parse(time.RFC3339Nano, r.Details[fact.DetailSince])
			require.NoError(t, err)
			require.False(t, since.After(r.Time))
		}
	}
	require.Positive(t, counts[fact.FactsLost])
	require.EqualValues(t, 5000, counts["Enforced"]+counts[fact.FactsLost]+counts[fact.FactsCounted])
}

func TestTheLogIsServedAndItsCommandsVerifyProveAndExportIt(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "facts")
	e, stop := run(t, config(folder))
	for i := range 300 {
		e.Emit(fact.Fact{Kind: "Enforced", Subject: fact.Subject{Namespace: "space", Pod: fmt.Sprint(i)}})
	}
	stop()
	get := func(path string) (int, string) {
		r := httptest.NewRecorder()
		e.Handler().ServeHTTP(r, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		return r.Code, r.Body.String()
	}
	code, checkpoint := get(agentapi.LogPath + "checkpoint")
	require.Equal(t, http.StatusOK, code)
	require.Contains(t, checkpoint, "data-space.liqo.io/node/node-1/")
	code, tile := get(agentapi.LogPath + "tile/0/000")
	require.Equal(t, http.StatusOK, code)
	require.Len(t, tile, 256*32)
	for _, path := range []string{"key", "../key", "tile/0/../../key", "tile/entries/999", "lines"} {
		code, _ = get(agentapi.LogPath + path)
		require.NotEqual(t, http.StatusOK, code, path)
	}
	require.EqualValues(t, 303, e.Status().Signed)

	copied := filepath.Join(t.TempDir(), "copy")
	require.NoError(t, facts.Export(folder, copied))
	require.NoFileExists(t, filepath.Join(copied, "key"))
	var keys, proof, line bytes.Buffer
	require.NoError(t, facts.Keys(&keys, folder))
	for _, f := range []string{folder, copied} {
		v, err := facts.Verify(f, strings.Fields(keys.String()), nil, "")
		require.NoError(t, err)
		require.Empty(t, v.Flaws)
		require.EqualValues(t, 303, v.Covered)
	}
	require.NoError(t, facts.Prove(&proof, copied, 17))
	require.NoError(t, facts.Check(&line, &proof, strings.Fields(keys.String()), nil))
	require.Contains(t, line.String(), `proven: line 17 of 303 of data-space.liqo.io/node/node-1/`)

	t.Run("a checkpoint that was kept elsewhere", func(t *testing.T) {
		kept := filepath.Join(t.TempDir(), "checkpoint")
		require.NoError(t, os.WriteFile(kept, []byte(checkpoint), 0o600))
		v, err := facts.Verify(folder, nil, []string{kept}, "")
		require.NoError(t, err)
		require.Empty(t, v.Flaws)
	})
}

func TestACommandWithoutALogNamesTheFlag(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none")
	_, err := facts.Verify(none, []string{"key"}, nil, "")
	for _, err := range []error{err, facts.Keys(io.Discard, none), facts.Prove(io.Discard, none, 1), facts.Export(none, none+"-copy")} {
		require.ErrorContains(t, err, "name its folder by --facts-dir")
	}
	require.NoFileExists(t, none+"-copy")
	require.ErrorContains(t, facts.Export(none, ""), "--to is missing")
	require.ErrorContains(t, facts.Check(io.Discard, strings.NewReader(""), nil, nil), "--key is missing")
}
