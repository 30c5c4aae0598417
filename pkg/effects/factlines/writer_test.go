package factlines_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/effects/factlines"
	"data-space.liqo.io/pkg/values/fact"
)

// lines reads what was written, each with its prefix.
func lines(t *testing.T, text string) []fact.Recorded {
	t.Helper()
	var all []fact.Recorded
	for line := range strings.Lines(text) {
		rest, ours := strings.CutPrefix(strings.TrimSuffix(line, "\n"), fact.LinePrefix)
		require.True(t, ours, line)
		f, err := fact.Decode([]byte(rest))
		require.NoError(t, err, line)
		require.Equal(t, int64(len(all)), f.Index)
		all = append(all, f)
	}
	return all
}

func TestFactsAreLinesInTheirOrderAndAFloodIsCounted(t *testing.T) {
	var out bytes.Buffer
	w := factlines.New(&out)
	w.Emit(fact.Fact{Kind: fact.AdmissionRefused, Reason: "Pod", Message: "a\nF {}"})
	for range 1000 {
		w.Emit(fact.Fact{Kind: fact.Impersonated, Subject: fact.Subject{Guest: "loud"}})
	}
	w.Emit(fact.Fact{Kind: fact.AdmissionRefused, Subject: fact.Subject{Guest: "quiet"}})
	w.Close()
	of := map[string]int64{}
	for _, f := range lines(t, out.String()) {
		of[string(f.Kind)+f.Reason] += max(1, f.Count)
	}
	require.EqualValues(t, 1, of["AdmissionRefusedPod"])
	require.EqualValues(t, 1, of["AdmissionRefused"])
	require.EqualValues(t, 1000, of["Impersonated"]+of["FactsCountedImpersonated"])
	require.Less(t, of["Impersonated"], int64(100))
}

// A container runtime that does not read makes the write wait.
func TestAProgramDoesNotWaitForItsRuntimeAndWhatIsMissingIsCounted(t *testing.T) {
	r, out := io.Pipe()
	w := factlines.New(out)
	emitted := make(chan struct{})
	go func() {
		defer close(emitted)
		for i := range 10_000 { // each of a kind of its own: no rate holds it back
			w.Emit(fact.Fact{Kind: fact.Kind(fmt.Sprint("Kind", i%100)), Reason: fmt.Sprint(i)})
		}
	}()
	select {
	case <-emitted:
	case <-time.After(time.Minute):
		t.Fatal("a program waits for the reader of its output")
	}
	var text bytes.Buffer
	var reading sync.WaitGroup
	queue := make(chan struct{})
	reading.Go(func() {
		in := bufio.NewReader(io.TeeReader(r, &text))
		for n, err := 0, error(nil); err == nil; n++ {
			if _, err = in.ReadString('\n'); n == 4000 {
				close(queue)
			}
		}
	})
	<-queue // most of it has been read: the rest is written in the time that Close leaves
	w.Close()
	require.NoError(t, out.Close())
	reading.Wait()
	var total, lost int64
	for _, f := range lines(t, text.String()) {
		total += max(1, f.Count)
		if f.Kind == fact.FactsLost {
			lost += f.Count
		}
	}
	require.EqualValues(t, 10_000, total, "each is written, counted or lost")
	require.Positive(t, lost)
}

func TestAProgramThatFailsBeforeItTakesTheSinkWritesNothing(t *testing.T) {
	var out bytes.Buffer
	p := factlines.NewProgram(&out, fact.Fact{Kind: fact.ProgramStarted})
	p.End(fact.Fact{Kind: fact.ProgramStopped})
	require.Empty(t, out.String())

	p = factlines.NewProgram(&out, fact.Fact{Kind: fact.ProgramStarted})
	ctx := factlines.Into(t.Context(), p)
	factlines.From(ctx).Emit(fact.Fact{Kind: fact.AdmissionRefused})
	factlines.From(ctx).Emit(fact.Fact{Kind: fact.Impersonated})
	p.End(fact.Fact{Kind: fact.ProgramStopped})
	var kinds []fact.Kind
	for _, f := range lines(t, out.String()) {
		kinds = append(kinds, f.Kind)
	}
	require.Equal(t, []fact.Kind{fact.ProgramStarted, fact.AdmissionRefused, fact.Impersonated, fact.ProgramStopped}, kinds)
	factlines.From(t.Context()).Emit(fact.Fact{}) // dropped
}
