package facts_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/effects/factlog"
	"data-space.liqo.io/pkg/programs/facts"
	"data-space.liqo.io/pkg/values/fact"
)

// An agent starts after the clock was set back while none ran: that is a fact, and the log goes on.
func TestAClockThatIsBehindTheLogAtTheStartIsAFact(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "facts")
	c := config(folder)
	l, err := factlog.Open(folder, c.Options)
	require.NoError(t, err)
	now := time.Now()
	_, err = l.Append([]fact.Fact{
		{Time: now.Add(time.Hour), Kind: fact.AgentStarted},
		{Time: now.Add(-time.Hour), Kind: fact.AdmissionRefused, Details: map[string]string{fact.DetailRecord: "pharma"}}, // another program's, which waited
	})
	require.NoError(t, err)
	require.NoError(t, l.Close())
	for _, want := range [][]fact.Kind{{fact.ClockStepped, fact.AgentStarted}, {fact.AgentStarted}} {
		from := len(recorded(t, folder))
		_, stop := run(t, c)
		stop()
		all := recorded(t, folder)[from:]
		require.Equal(t, want, kinds(all)[:len(want)])
		if want[0] == fact.ClockStepped {
			require.Contains(t, all[0].Details["seconds"], "-3")
			require.True(t, all[0].Warning)
		}
	}
	v, err := facts.Verify(folder, nil, nil, "")
	require.NoError(t, err)
	require.Empty(t, v.Flaws)
}

// clock is a clock that is set, as the one of a node: the time that passes goes on.
type clock struct{ set atomic.Int64 } // seconds

// now is what time.Now returns on such a node: only the seconds of the wall clock, which are beside the monotonic time, are others.
func (c *clock) now() time.Time {
	now := time.Now()
	*(*uint64)(unsafe.Pointer(&now)) += uint64(c.set.Load()) << 30 // package time offers no way, and a test may not set the machine's clock
	return now
}

// The clock goes an hour back, a year forward, to 1970 and is right again, while a guest's pods ask and the agent emits; then it goes back while no agent runs. Each
// request and each fact is recorded once, in the order in which it happened.
func TestEachFactIsRecordedInItsOrderWhateverTheClockShows(t *testing.T) {
	clock := &clock{}
	base := time.Now()
	require.Equal(t, time.Duration(0), clock.now().Sub(base).Truncate(time.Minute))
	clock.set.Store(3600)
	require.Equal(t, time.Duration(0), clock.now().Sub(base).Truncate(time.Minute), "the time that passed")
	require.Equal(t, time.Hour, clock.now().Round(0).Sub(base.Round(0)).Truncate(time.Minute), "what the clock shows")
	clock.set.Store(0)

	folder, requests := filepath.Join(t.TempDir(), "facts"), t.TempDir()
	c := config(folder)
	c.Options.Now = clock.now
	r := newRequests(t, requests)
	emitted := 0
	work := func(e *facts.Emitter, g *facts.GuestLogs) {
		t.Helper()
		for range 20 {
			emitted++
			e.Emit(fact.Fact{Kind: "Enforced", Subject: fact.Subject{Namespace: "space", Pod: fmt.Sprint(emitted)}})
			r.askAt("study", clock.now())
		}
		r.report(g.Synced)
		joined(t, folder, r.n)
	}
	steps := func() (count int) {
		for _, f := range recorded(t, folder) {
			if f.Kind == fact.ClockStepped {
				count++
			}
		}
		return count
	}
	agent := func(work func(*facts.Emitter, *facts.GuestLogs)) {
		t.Helper()
		e := newEmitter(c)
		g := e.Guests(requests)
		stop := start(t, e)
		work(e, g)
		stop()
	}
	const year = 365 * 24 * 3600
	agent(func(e *facts.Emitter, g *facts.GuestLogs) {
		work(e, g)
		for _, set := range []int64{-3600, year, -time.Now().Unix() + 5, 0} {
			clock.set.Store(set)
			work(e, g)
			if set == -3600 {
				require.Eventually(t, func() bool { return steps() == 1 }, patience, 50*time.Millisecond, "the step is a fact")
			}
		}
		require.Eventually(t, func() bool { return steps() > 1 }, patience, 50*time.Millisecond, "those within five seconds are one: in the end the clock is an hour ahead of what was found")
	})
	clock.set.Store(-year)
	before := steps()
	agent(work)
	require.Equal(t, before+1, steps(), "the agent finds its clock behind the log")

	ordered := func(log string, kind fact.Kind, want int, of func(fact.Recorded) string) {
		t.Helper()
		n := 0
		for i, f := range recorded(t, log) {
			require.Equal(t, int64(i), f.Index)
			require.NotContains(t, []fact.Kind{fact.RequestsMissing, fact.FactsLost, fact.FactsCounted}, f.Kind)
			if f.Kind == kind {
				n++
				require.Equal(t, fmt.Sprint(n), of(f))
			}
		}
		require.Equal(t, want, n)
	}
	ordered(folder, "Enforced", emitted, func(f fact.Recorded) string { return f.Subject.Pod })
	ordered(facts.GuestFolder(folder, "pharma"), fact.Requested, r.n, func(f fact.Recorded) string { return strings.TrimPrefix(f.Request.Path, "/") })
	v, err := facts.Verify(folder, nil, nil, "")
	require.NoError(t, err)
	require.Empty(t, v.Flaws)
}
