//go:build api

package agent_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"data-space.liqo.io/pkg/values/gate"
)

// usually is how many pods TestRaceChurn starts, unless `make racetest` wants more.
const usually = 40

func starts(t *testing.T) int {
	t.Helper()
	text := os.Getenv("RACE_STARTS")
	if text == "" {
		return usually
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err, "RACE_STARTS")
	return n
}

// TestRaceChurn starts and deletes pods, several at a time, while agents are killed and replaced and others rewrite the CNI
// configuration and cut the line to the API server.
func TestRaceChurn(t *testing.T) {
	r := newRace(t)
	r.agent()
	r.chained()
	r.noAgent()
	began := time.Now()
	stop := make(chan struct{})
	var chaos sync.WaitGroup
	chaos.Go(func() { r.replaceAgents(stop) })
	chaos.Go(func() { r.cutLine(stop) })

	var begun, served atomic.Int64
	ctx, cancel := context.WithTimeout(t.Context(), 45*time.Minute)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for i := range starts(t) {
		group.Go(func() error {
			p, err := r.object(ctx, fmt.Sprint("churn-", i))
			if err != nil {
				return err
			}
			defer p.end(context.WithoutCancel(ctx))
			mortal, cancel := context.WithTimeout(ctx, 10*time.Minute) // a machine under load starts agents more slowly than this test ends them
			defer cancel()
			if i%8 == 0 { // deleted while it starts
				mortal, cancel = context.WithTimeout(ctx, time.Second+rand.N(time.Second))
				defer cancel()
			}
			if err := p.start(mortal); err != nil && i%8 != 0 {
				return err
			}
			begun.Add(1)
			if i%8 != 0 && r.isServed(mortal, p) == nil {
				served.Add(1)
			}
			return nil
		})
	}
	err := group.Wait()
	close(stop)
	chaos.Wait()
	require.NoError(t, err)
	agents, again := r.history()
	r.clean(t, fmt.Sprintf("%d starts in %s, of which %d were served, with %d agents; %d network namespaces had the inode of an earlier one",
		begun.Load(), time.Since(began).Round(time.Second), served.Load(), agents, again))
	if starts(t) > usually {
		require.NotZero(t, again, "no inode came again: this run says nothing about that")
	}
	require.GreaterOrEqual(t, agents, int(begun.Load()/20))
	r.noAgent()
	r.agent()
	r.begun("after-churn").end(t.Context())
}

// inFlight is how long a pod may take to its network from when the runtime has read the CNI configuration.
const inFlight = 5 * time.Second

// replaceAgents ends the agent again and again: by kill -9, as an upgrade does, or by itself at any step. In between, while
// there is one, it rewrites the CNI configuration as another program would. What happens to a pod when both come together is
// in docs/threat-model.md.
func (r *race) replaceAgents(stop <-chan struct{}) {
	file := filepath.Join(r.dir, "cni", "test.conflist")
	steps := []string{"DATA_SPACER_FAULT_LOG=" + r.dir + "/steps", "DATA_SPACER_FAULT=any 60"}
	for i := 0; ; i++ {
		if i%3 == 1 {
			r.env = steps
		}
		agent := r.agent()
		r.env = nil
		var life time.Duration
		if i%3 != 1 { // on a slow machine pods start only while an agent lives as long as they take
			life = 2 * agent.ready(stop)
		}
		select {
		case <-stop:
			return
		case <-agent.ended:
			continue
		case <-time.After(life + 300*time.Millisecond + rand.N(3*time.Second)):
		}
		if i%3 == 0 {
			r.rewrite(agent, file, stop)
			time.Sleep(inFlight) // those that began without the entry are the second gate's, which must live as long
		}
		agent.end([]syscall.Signal{syscall.SIGKILL, syscall.SIGTERM}[i%2])
	}
}

// ready waits until the agent binds proxies, has ended or stop is closed, and returns how long it waited.
func (p *process) ready(stop <-chan struct{}) time.Duration {
	began := time.Now()
	for !strings.Contains(p.output.String(), "NRI is on") {
		select {
		case <-stop:
			return time.Since(began)
		case <-p.ended:
			return time.Since(began)
		case <-time.After(time.Millisecond):
		}
	}
	return time.Since(began)
}

// rewrite takes the plugin's entry out ten times and waits each time until it is back. The agent must be there: both of its
// gates, and until the entry is back. It is not killed before.
func (r *race) rewrite(a *process, file string, stop <-chan struct{}) {
	there := func() bool {
		text, err := os.ReadFile(file)
		return err == nil && strings.Contains(string(text), gate.PluginType)
	}
	wait := func(done func() bool) bool {
		for !done() {
			select {
			case <-stop:
				return false
			case <-a.ended: // by itself: it starts while the line to the API server is cut
				return false
			case <-time.After(time.Millisecond):
			}
		}
		return true
	}
	if !wait(there) {
		return
	}
	for range 10 {
		err := os.WriteFile(file+".tmp", []byte(r.conflist), 0o600)
		if err = errors.Join(err, os.Rename(file+".tmp", file)); err != nil {
			r.t.Error(err)
		}
		if !wait(there) {
			return
		}
		time.Sleep(rand.N(50 * time.Millisecond))
	}
}

// cutLine cuts the line to the API server for moments.
func (r *race) cutLine(stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-time.After(rand.N(4 * time.Second)):
		}
		r.api.Cut()
		time.Sleep(rand.N(4 * time.Second))
		if err := r.api.Join(); err != nil {
			r.t.Error(err)
			return
		}
	}
}

// history is how many agents there were, and how many of the network namespaces that they closed had the inode of one
// that they had closed for another pod.
func (r *race) history() (agents, again int) {
	held := regexp.MustCompile(`"pod":"([^"]+)".*"netns":(\d+)`)
	pods := map[string]map[string]bool{}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range r.agents {
		for _, m := range held.FindAllStringSubmatch(a.output.String(), -1) {
			if pods[m[2]] == nil {
				pods[m[2]] = map[string]bool{}
			}
			pods[m[2]][m[1]] = true
		}
	}
	for _, of := range pods {
		again += len(of) - 1
	}
	return len(r.agents), again
}

// TestRaceManyAtOnce starts many pods at the same moment.
func TestRaceManyAtOnce(t *testing.T) {
	r := newRace(t)
	r.pace = 200 * time.Millisecond
	agent := r.agent()
	r.chained()
	n := min(100, starts(t))
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	var group errgroup.Group
	pods := make([]*racer, n)
	began := time.Now()
	for i := range pods {
		group.Go(func() error {
			p, err := r.begin(ctx, fmt.Sprint("many-", i))
			pods[i] = p
			if err != nil {
				return err
			}
			return r.isServed(ctx, p)
		})
	}
	require.NoError(t, group.Wait())
	bound, slowest, lost := underTheRuntimesLock(t, agent.output.String())
	r.clean(t, fmt.Sprintf("%d pods at once, all served after %s; %d proxies bound before they ran, the slowest in %d ms of the runtime's 2 s; the runtime ended the connection %d times",
		n, time.Since(began).Round(time.Second), bound, slowest, lost))
	for _, p := range pods {
		group.Go(func() error { p.end(t.Context()); return nil })
	}
	require.NoError(t, group.Wait())
}

// underTheRuntimesLock is how many proxies were bound while the runtime held its lock over all containers, and how many milliseconds the slowest
// took; and how often the runtime lost patience. A busy machine decides about the last two, so that the test reports and does not judge them.
func underTheRuntimesLock(t *testing.T, log string) (bound, slowest, lost int) {
	t.Helper()
	for line := range strings.Lines(log) {
		switch {
		case strings.Contains(line, "NRI: the runtime ended the connection"):
			lost++
		case strings.Contains(line, "exemption bound before the proxy runs"):
			m := regexp.MustCompile(`"milliseconds":(\d+)`).FindStringSubmatch(line)
			require.Len(t, m, 2, line)
			took, err := strconv.Atoi(m[1])
			require.NoError(t, err)
			bound, slowest = bound+1, max(slowest, took)
		}
	}
	return bound, slowest, lost
}
