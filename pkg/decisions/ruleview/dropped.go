package ruleview

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"data-space.liqo.io/pkg/values/fact"
	"data-space.liqo.io/pkg/values/iptables"
)

// earlyEnd is a rule whose drops are no refusals: if a client ends its side at once, the first FIN is dropped, and sent again.
const earlyEnd = "ds-early-end"

// impersonation is the rule that rejects what a process sends that has the proxy's user and is not in the proxy's control group.
const impersonation = "ds-out-impersonation"

// reportEvery is how often there is a fact of what a pod's rules dropped, at most: the pod's processes choose how much that is.
const reportEvery = 10 * time.Minute

// Dropped is what a pod's rules dropped and no fact has yet, and when there was a fact last. The zero value: nothing.
type Dropped struct {
	waiting  iptables.Drops
	reported time.Time
}

// Add returns d with what was dropped, and the facts of it that are due.
func (d Dropped) Add(more iptables.Drops, now time.Time) (Dropped, []fact.Fact) {
	d.waiting = d.waiting.Plus(more)
	if len(d.waiting) == 0 || now.Sub(d.reported) < reportEvery {
		return d, nil
	}
	return Dropped{reported: now}, d.Facts()
}

// Refused returns what rules refused between two moments.
func Refused(before, now iptables.Drops) iptables.Drops {
	more := now.Since(before)
	delete(more, earlyEnd)
	return more
}

// Facts returns what waits as facts: one of all packets, with the rules that dropped most as details, and one of those that were sent in the proxy's
// name.
func (d Dropped) Facts() (facts []fact.Fact) {
	refused := d.waiting
	if n := refused[impersonation]; n > 0 {
		facts = append(facts, fact.Fact{
			Kind: fact.Impersonated, Warning: true, Reason: "ProxyUser", Count: count(n), Details: map[string]string{"rule": impersonation},
			Message: "a process that is not in the proxy's container has sent packets as the proxy's user; they were rejected",
		})
	}
	names := slices.SortedFunc(maps.Keys(refused), func(a, b string) int {
		return cmp.Or(cmp.Compare(refused[b], refused[a]), strings.Compare(a, b))
	})
	details, all := map[string]string{}, uint64(0)
	for i, name := range names {
		all += refused[name]
		if i < fact.MaxDetails {
			details[name] = strconv.FormatUint(refused[name], 10)
		}
	}
	if all > 0 {
		facts = append(facts, fact.Fact{
			Kind: fact.PacketsDropped, Reason: names[0], Count: count(all), Details: details,
			Message: fmt.Sprintf("the rules of the pod's network namespace dropped packets, most by rule %s", names[0]),
		})
	}
	return facts
}

func count(n uint64) int64 { return int64(min(n, 1<<62)) }
