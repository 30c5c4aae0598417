package trial

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"data-space.liqo.io/test/leak/attack"
	"data-space.liqo.io/test/podcapture"
)

// settle is how long packets may be under way after an attempt: timers of the kernel included, a hand-over to another CPU.
const settle = 40 * time.Millisecond

// Trial is one pod under attack.
type Trial struct {
	Attacker *Attacker
	Capture  *podcapture.Capture
	Rules    podcapture.Rules
	Aims     []attack.Aim // one per family
	Means    []attack.Means
	Only     func(p attack.Probe) bool // nil: all
	Say      func(line string)         // told each result
}

// Result is one probe on one aim.
type Result struct {
	Probe string
	Aim   attack.Aim
	Said  string
	Leaks []string // what left that must not, or answered
}

func (r Result) String() string {
	family := "IPv4"
	if r.Aim.Far.Is6() {
		family = "IPv6"
	}
	if len(r.Leaks) > 0 {
		return fmt.Sprintf("LEAK  %s  %s: %s  [%s]", family, r.Probe, strings.Join(r.Leaks, "; "), r.Said)
	}
	return fmt.Sprintf("ok    %s  %s  [%s]", family, r.Probe, r.Said)
}

// Run makes all attempts that the means allow, on all aims.
func (t *Trial) Run(ctx context.Context) ([]Result, error) {
	var results []Result
	for _, aim := range t.Aims {
		for _, p := range attack.Probes() {
			if !t.able(p) {
				continue
			}
			r, err := t.try(ctx, p, aim)
			if err != nil {
				return results, fmt.Errorf("probe %q: %w", p.Name, err)
			}
			results = append(results, r)
			if t.Say != nil {
				t.Say(r.String())
			}
		}
	}
	return results, nil
}

// able says whether the probe is to be tried: the attacker has the means.
func (t *Trial) able(p attack.Probe) bool {
	if t.Only != nil && !t.Only(p) {
		return false
	}
	for _, m := range t.Means {
		if m == p.Means {
			return true
		}
	}
	return p.Means == attack.None
}

// try makes one attempt. If the only fault are connections that ended before the kernel could be asked whose they were, it
// is made again, up to three times in all: a leak does not go away by being looked at again.
func (t *Trial) try(ctx context.Context, p attack.Probe, aim attack.Aim) (Result, error) {
	for again := 1; ; again++ {
		before := len(t.Capture.Packets)
		answer, err := t.during(ctx, func() (attack.Answer, error) { return t.Attacker.Try(attack.Request{Probe: p.Name, Aim: aim}) })
		if err != nil {
			return Result{}, err
		}
		verdict := podcapture.Judge(t.Capture.Packets[before:], &t.Capture.Owners, t.Rules)
		r := Result{Probe: p.Name, Aim: aim, Said: answer.Said, Leaks: verdict.Leaks}
		if answer.Reached {
			r.Leaks = append(r.Leaks, answer.Said)
		}
		if verdict.Unseen == 0 || verdict.Unseen < len(r.Leaks) || again == 3 {
			return r, nil
		}
	}
}

// during lets the capture run while f does.
func (t *Trial) during(ctx context.Context, f func() (attack.Answer, error)) (attack.Answer, error) {
	watching, stop := context.WithCancel(ctx)
	defer stop()
	watched := make(chan error, 1)
	go func() { watched <- t.Capture.Run(watching) }()
	answer, err := f()
	time.Sleep(settle)
	stop()
	return answer, errors.Join(err, <-watched)
}

// Leaking are the names of the probes that leaked, and how many results there are of them.
func Leaking(results []Result) map[string]int {
	found := map[string]int{}
	for _, r := range results {
		if len(r.Leaks) > 0 {
			found[r.Probe]++
		}
	}
	return found
}

// Summary is the last line: how many probes, and how many of them leaked.
func Summary(results []Result) string {
	leaks := 0
	for _, n := range Leaking(results) {
		leaks += n
	}
	return fmt.Sprintf("%d probes, %d leaks", len(results), leaks)
}
