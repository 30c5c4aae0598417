//go:build vm

package node

import (
	"fmt"
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/test/leak/attack"
	"data-space.liqo.io/test/leak/trial"
)

// settle is how long frames may be under way.
const settle = 50 * time.Millisecond

// try makes every attempt of this lane once.
func (a *assault) try(s Setting, tenant *trial.Attacker) {
	a.t.Helper()
	started, n, turn := time.Now(), 0, 0
	for _, aim := range a.aims() {
		if aim.Far.Is6() && !long() {
			continue
		}
		for _, together := range groups(s) {
			if turn++; turn%lanes() != a.lane {
				continue
			}
			for _, r := range a.attempts(tenant, aim, together) {
				r.Place, r.Setting = fmt.Sprintf("%s, user %d", a.name, a.user), s
				a.notes.add(r)
				n++
			}
		}
	}
	a.t.Logf("%s: %d attempts in %.1f s", s, n, time.Since(started).Seconds())
}

// groups are the attempts of a setting, those together that one process makes: where nothing is expected, several at once are
// quicker. The long form makes all that need no capability, where nothing and where everything guards.
func groups(s Setting) [][]attack.Probe {
	size := 13
	if s == Unguarded || s == RulesOnly {
		size = 1
	}
	all := slices.Collect(slices.Chunk(attack.BesideIP(), size))
	if !long() || s != Unguarded && s != Everything {
		return all
	}
	beside := func(p attack.Probe) func(attack.Probe) bool {
		return func(o attack.Probe) bool { return o.Name == p.Name }
	}
	for _, p := range attack.Probes() {
		if (p.Means == attack.None || p.Means == attack.Walls) && !slices.ContainsFunc(attack.BesideIP(), beside(p)) {
			all = append(all, []attack.Probe{p})
		}
	}
	return all
}

// attempts has the tenant make attempts together, and one by one if that shows more: which one got something out, and what those
// would do that were not made. What came out when they were made together counts, whether it comes again or not.
func (a *assault) attempts(tenant *trial.Attacker, aim attack.Aim, together []attack.Probe) []Result {
	a.t.Helper()
	results, complete := a.attempt(tenant, aim, together)
	if complete || len(together) == 1 {
		return results
	}
	var single []Result
	for _, p := range together {
		one, _ := a.attempt(tenant, aim, []attack.Probe{p})
		single = append(single, one...)
	}
	if len(results[0].Seen) > 0 && !slices.ContainsFunc(single, func(r Result) bool { return len(r.Seen) > 0 }) {
		return results
	}
	return single
}

// attempt has the tenant make attempts, one after the other in one process. What came out meanwhile is in each result. It reports
// whether that is nothing and each attempt was made: a filter of system calls may end the process.
func (a *assault) attempt(tenant *trial.Attacker, aim attack.Aim, together []attack.Probe) (results []Result, complete bool) {
	a.t.Helper()
	request := attack.Request{Probe: together[0].Name, Aim: aim}
	for _, p := range together[1:] {
		request.More = append(request.More, p.Name)
	}
	for _, w := range a.watches {
		require.NoError(a.t, w.reset())
	}
	answer, err := tenant.Try(request)
	require.NoError(a.t, err, request.Probe)
	time.Sleep(settle)
	var seen []string
	for _, w := range a.watches {
		found, err := w.seen()
		require.NoError(a.t, err)
		seen = append(seen, found...)
	}
	if answer.Reached {
		seen = append(seen, answer.Said)
	}
	complete = len(seen) == 0 && len(answer.Each) == len(together)
	for i, p := range together {
		r := Result{Probe: p.Name, IPv6: aim.Far.Is6(), Answer: answer.Said, Seen: seen}
		if complete {
			r.Answer = answer.Each[i]
		}
		results = append(results, r)
	}
	return results, complete
}
