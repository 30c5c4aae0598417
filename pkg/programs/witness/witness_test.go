package witness_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/translog"
	"data-space.liqo.io/pkg/effects/factlog"
	"data-space.liqo.io/pkg/effects/witnessfile"
	"data-space.liqo.io/pkg/programs/facts"
	"data-space.liqo.io/pkg/programs/witness"
	"data-space.liqo.io/pkg/values/fact"
)

const name = "pharma.example/witness"

// world is a node's log and a witness that the other party runs.
type world struct {
	t       *testing.T
	folder  string // of the log
	state   string // of the witness
	options factlog.Options
	key     string // the witness'
	url     string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		t: t, folder: filepath.Join(t.TempDir(), "facts"), state: filepath.Join(t.TempDir(), "witness"),
		options: factlog.Options{Node: "node-1", Total: 16 << 20, Segment: 1 << 20, Age: time.Hour},
	}
	w.grow(100)
	return w
}

// grow appends lines to the log and signs them.
func (w *world) grow(lines int) {
	w.t.Helper()
	l, err := factlog.Open(w.folder, w.options)
	require.NoError(w.t, err)
	for i := range lines {
		_, err = l.Append([]fact.Fact{{Time: time.Now(), Kind: "Enforced", Message: fmt.Sprint(i)}})
		require.NoError(w.t, err)
	}
	require.NoError(w.t, l.Close())
}

// cosigned returns the file of the checkpoint that the witness cosigned last; without one, the name of none.
func (w *world) cosigned() string {
	w.t.Helper()
	files, err := filepath.Glob(filepath.Join(w.folder, "cosigned-*"))
	require.NoError(w.t, err)
	if len(files) == 0 {
		return filepath.Join(w.folder, "cosigned-none")
	}
	require.Len(w.t, files, 1)
	return files[0]
}

// serve runs the witness until the returned function is called.
func (w *world) serve() (stop func()) {
	w.t.Helper()
	keys, err := factlog.Folder(w.folder).Keys()
	require.NoError(w.t, err)
	state, err := witnessfile.Open(w.state)
	require.NoError(w.t, err)
	made, err := witness.New(name, append([]string{"# the hospital's", ""}, keys...), state, slog.New(slog.DiscardHandler))
	require.NoError(w.t, err)
	server := httptest.NewServer(made.Handler())
	w.key, w.url = made.Key(), server.URL
	return func() { server.Close(); require.NoError(w.t, state.Close()) }
}

// agent returns an emitter that asks the witness, and does not run.
func (w *world) agent() (*facts.Emitter, *prometheus.Registry) {
	w.t.Helper()
	asked, err := facts.ParseWitness(w.key + " " + w.url)
	require.NoError(w.t, err)
	registry := prometheus.NewRegistry()
	return facts.New(facts.Config{Folder: w.folder, Options: w.options, Log: slog.New(slog.DiscardHandler), Witnesses: []*facts.Witness{asked}}, registry), registry
}

// metric is the value of a metric with one label.
func (w *world) metric(r *prometheus.Registry, name string) int {
	w.t.Helper()
	all, err := r.Gather()
	require.NoError(w.t, err)
	for _, family := range all {
		if family.GetName() == name {
			return int(family.GetMetric()[0].GetGauge().GetValue())
		}
	}
	return -1
}

// refused records what waits, and returns the facts of refusals.
func (w *world) refused(e *facts.Emitter) int {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	cancel()
	e.Witnesses = nil
	_ = e.Run(ctx) // records what waits, since the context has ended
	n := 0
	require.NoError(w.t, factlog.Folder(w.folder).Lines(0, func(_ int64, line []byte) error {
		f, err := fact.Decode(line)
		if f.Kind == fact.WitnessRefused {
			n++
		}
		return err
	}))
	return n
}

func TestAWitnessCosignsWhatContinuesAndProofsHaveItsSignature(t *testing.T) {
	w := newWorld(t)
	stop := w.serve()
	e, registry := w.agent()
	for range 3 {
		e.Ask(t.Context())
		w.grow(300)
	}
	stop()
	key := w.key
	stop = w.serve() // with what it knew
	defer stop()
	require.Equal(t, key, w.key)
	e, registry2 := w.agent() // an agent that does not know what the witness knows
	e.Ask(t.Context())
	require.Zero(t, w.metric(registry2, "data_space_agent_facts_witness_refused"))
	require.Equal(t, 1001, w.metric(registry2, "data_space_agent_facts_witnessed_lines"))
	require.Equal(t, 701, w.metric(registry, "data_space_agent_facts_witnessed_lines"))

	keys, err := factlog.Folder(w.folder).Keys()
	require.NoError(t, err)
	var proof, line bytes.Buffer
	require.NoError(t, facts.Prove(&proof, w.folder, 555))
	require.NoError(t, facts.Check(&line, bytes.NewReader(proof.Bytes()), keys, []string{w.key}))
	require.Contains(t, line.String(), "cosigned at ")
	other := newWorld(t)
	defer other.serve()()
	require.ErrorContains(t, facts.Check(&line, bytes.NewReader(proof.Bytes()), keys, []string{other.key}), "has not cosigned")
	require.Zero(t, w.refused(e))
}

// Root of the node has the key. It writes the log again, and signs it.
func TestALogThatWasWrittenAgainIsRefusedReportedAndKeptAsEvidence(t *testing.T) {
	for how, lines := range map[string]int{"shorter": 20, "as long": 100, "longer": 500} {
		t.Run(how, func(t *testing.T) {
			w := newWorld(t)
			defer w.serve()()
			e, registry := w.agent()
			e.Ask(t.Context())
			require.Zero(t, w.metric(registry, "data_space_agent_facts_witness_refused"))
			for _, part := range []string{"lines", "hashes", "checkpoint"} {
				require.NoError(t, os.RemoveAll(filepath.Join(w.folder, part)))
			}
			w.grow(lines)
			v, err := facts.Verify(w.folder, nil, nil, "")
			require.NoError(t, err)
			require.Empty(t, v.Flaws, "the node alone cannot know")
			for range 3 {
				e.Ask(t.Context())
				require.Equal(t, 1, w.metric(registry, "data_space_agent_facts_witness_refused"))
			}
			evidence, err := filepath.Glob(filepath.Join(w.state, "*.conflict-*"))
			require.NoError(t, err)
			require.Equal(t, how != "shorter", len(evidence) == 1, "%v", evidence) // a shorter one may be an earlier one
			fresh, registry := w.agent()                                           // an agent that was started again knows nothing
			fresh.Ask(t.Context())
			require.Equal(t, 1, w.metric(registry, "data_space_agent_facts_witness_refused"))
			require.Equal(t, 1, w.refused(e), "one fact, however often it is refused")

			v, err = facts.Verify(w.folder, nil, []string{w.cosigned()}, "")
			require.NoError(t, err)
			require.NotEmpty(t, v.Flaws, "the checkpoint that was cosigned shows it as well")
		})
	}
}

func TestAWitnessThatIsAwayStopsNothing(t *testing.T) {
	w := newWorld(t)
	stop := w.serve()
	e, registry := w.agent()
	stop()
	e.Ask(t.Context())
	require.Zero(t, w.metric(registry, "data_space_agent_facts_witness_refused"))
	require.NoFileExists(t, w.cosigned())
	require.Zero(t, w.refused(e))
}

func TestCosignaturesAreThoseOfAnIndependentImplementation(t *testing.T) {
	w := newWorld(t)
	stop := w.serve()
	e, _ := w.agent()
	e.Ask(t.Context())
	stop()
	state, err := witnessfile.Open(w.state)
	require.NoError(t, err)
	defer state.Close()
	text, err := exec.CommandContext(t.Context(), "go", "run", "-C", "../../../test/tlogclient", ".", "cosign", name, hex.EncodeToString(state.Key.Seed()),
		w.cosigned()).CombinedOutput()
	require.NoError(t, err, "%s", text)
	key, signed, _ := strings.Cut(string(text), "\n")
	require.Equal(t, w.key, key)
	at, err := translog.Cosigned([]byte(signed), w.key)
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), at, time.Hour)
}

// The other party has two witnesses, and one of them is away for a while.
func TestWhatAWitnessCosignedStaysWhileItIsAway(t *testing.T) {
	w := newWorld(t)
	stop := w.serve()
	defer stop()
	keys, err := factlog.Folder(w.folder).Keys()
	require.NoError(t, err)
	state, err := witnessfile.Open(filepath.Join(t.TempDir(), "auditor"))
	require.NoError(t, err)
	defer state.Close()
	auditor, err := witness.New("auditor.example/witness", keys, state, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	server := httptest.NewServer(auditor.Handler())
	defer server.Close()
	var both []*facts.Witness
	for _, text := range []string{w.key + " " + w.url, auditor.Key() + " " + server.URL} {
		asked, err := facts.ParseWitness(text)
		require.NoError(t, err)
		both = append(both, asked)
	}
	e := facts.New(facts.Config{Folder: w.folder, Options: w.options, Log: slog.New(slog.DiscardHandler), Witnesses: both}, prometheus.NewRegistry())
	check := func(index int64, witnesses ...string) error {
		var proof bytes.Buffer
		require.NoError(t, facts.Prove(&proof, w.folder, index))
		return facts.Check(&bytes.Buffer{}, &proof, keys, witnesses)
	}
	e.Ask(t.Context())
	require.NoError(t, check(7, w.key, auditor.Key()))
	server.Close() // the auditor's is away
	w.grow(10)
	e.Ask(t.Context())
	require.NoError(t, check(7, w.key, auditor.Key()), "what both cosigned")
	require.NoError(t, check(105, w.key), "what one of them cosigned")
	require.Error(t, check(105, auditor.Key()))
}
