//go:build api

package agent_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/effects/fault"
)

// begun starts a pod and waits until its proxy is bound.
func (r *race) begun(name string) *racer {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 2*time.Minute)
	defer cancel()
	p, err := r.begin(ctx, name)
	require.NoError(r.t, err)
	require.NoError(r.t, r.isServed(ctx, p))
	return p
}

// TestRaceNobodyGuards shows that the capture sees what the tenant's program sends in each way, when nothing stops it.
func TestRaceNobodyGuards(t *testing.T) {
	r := newRace(t)
	p := r.begun("free")
	time.Sleep(500 * time.Millisecond)
	p.end(t.Context())
	time.Sleep(100 * time.Millisecond)
	r.mu.Lock()
	defer r.mu.Unlock()
	all := strings.Join(r.leaks, "\n")
	for _, want := range []string{
		"tcp [^\n]* > " + far4 + ":80", "tcp [^\n]* > [" + far6 + "]:80",
		"udp [^\n]* > " + far4 + ":53", "udp [^\n]* > [" + far6 + "]:53", "udp [^\n]* > " + far4 + ":443", "icmp [^\n]* > " + far4, "icmp6 [^\n]* > [" + far6,
	} {
		kind, to, _ := strings.Cut(want, " [^\n]* ")
		require.Regexp(t, "pod sent "+kind+" [^\n]*"+quote(to), all)
	}
	r.leaks = nil
}

func quote(s string) string { return strings.NewReplacer("[", `\[`, "]", `\]`, ".", `\.`).Replace(s) }

// TestRaceKilledAtEachStep kills the agent at each step of a pod's start, the first and the second time that the step is taken;
// in `make racetest` each time.
func TestRaceKilledAtEachStep(t *testing.T) {
	r := newRace(t)
	log := r.dir + "/steps"
	r.env = []string{"DATA_SPACER_FAULT_LOG=" + log}
	clean := r.agent()
	r.chained()
	r.begun("clean").end(t.Context())
	taken := map[fault.Step]int{}
	text, err := os.ReadFile(log)
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		taken[fault.Step(strings.TrimSpace(line))]++
	}
	t.Logf("steps of a start: %v", taken)
	clean.end(syscall.SIGTERM)

	often := 2
	if starts(t) > usually {
		often = 6
	}
	kills := 0
	for _, step := range fault.Steps() {
		require.NotZero(t, taken[step], "a pod's start does not come by the step %q", step)
		for n := 1; n <= min(taken[step], often); n++ {
			require.NoError(t, os.Remove(log))
			r.env = []string{"DATA_SPACER_FAULT_LOG=" + log, fmt.Sprintf("DATA_SPACER_FAULT=%s %d", step, n)}
			died := r.doomed(fmt.Sprintf("%s-%d", step, n))
			require.True(t, died || n > 1, "%s is not reached", step)
			kills++
		}
	}
	r.clean(t, fmt.Sprintf("%d starts with a kill", kills))
}

// doomed starts a pod with an agent that is about to be killed, and then with one that is not. It reports whether the first
// was killed by then.
func (r *race) doomed(name string) (died bool) {
	doomed, served := r.agent(), make(chan *racer, 1)
	go func() {
		ctx, cancel := context.WithTimeout(r.t.Context(), 2*time.Minute)
		defer cancel()
		p, err := r.begin(ctx, name)
		if err == nil {
			err = r.isServed(ctx, p)
		}
		if err != nil {
			r.t.Errorf("%s: %v", name, err)
		}
		served <- p
	}()
	var p *racer
	select {
	case <-doomed.ended:
		died = true
		time.Sleep(200 * time.Millisecond) // for the tenant to try
	case p = <-served:
		died = doomed.within(200 * time.Millisecond) // the last steps of a start come when the proxy may run already
		doomed.end(syscall.SIGKILL)
	}
	r.env = nil
	next := r.agent()
	if p == nil {
		p = <-served
	}
	if p != nil {
		p.end(r.t.Context())
	}
	next.end(syscall.SIGKILL)
	return died
}
