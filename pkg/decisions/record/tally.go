package record

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// Tally counts, pod by pod, how many answers were the proxy's own, and reports when they are many. It is for one goroutine.
type Tally struct {
	of map[Source]*tallied
}

type tallied struct {
	since   time.Time // of this window
	silent  time.Time // until when nothing is reported
	all     int
	own     int
	reasons map[string]int
}

const (
	// tallyWindow is the time over which a share is counted, tallySilence that between two reports about one pod.
	tallyWindow, tallySilence = time.Minute, 10 * time.Minute
	// Within a window so many of the proxy's own answers, and one of so few answers, are many.
	tallyLeast, tallyShare = 20, 5
	// tallyReasons is the largest number of reasons that are counted separately.
	tallyReasons = 16
)

// Add counts an answer of a pod's proxy. own is what Answer.Own returns. It returns what there is to report, or "".
func (t *Tally) Add(now time.Time, s Source, own string) (report string) {
	if t.of == nil {
		t.of = map[Source]*tallied{}
	}
	c := t.of[s]
	if c == nil {
		c = &tallied{since: now}
		t.of[s] = c
	}
	if now.Sub(c.since) >= tallyWindow {
		*c = tallied{since: now, silent: c.silent}
	}
	c.all++
	if own == "" {
		return ""
	}
	c.own++
	c.count(Reason(own))
	if c.own < tallyLeast || c.own*tallyShare < c.all || now.Before(c.silent) {
		return ""
	}
	c.silent = now.Add(tallySilence)
	most := slices.MaxFunc(slices.Sorted(maps.Keys(c.reasons)), func(a, b string) int { return c.reasons[a] - c.reasons[b] })
	return fmt.Sprintf("the proxy answered %d of %d requests and connections itself within %s, most of them for %s; "+
		"agent requests --pod %s/%s on its node lists them", c.own, c.all, now.Sub(c.since).Round(time.Second), most, s.Namespace, s.Pod)
}

func (c *tallied) count(reason string) {
	if c.reasons == nil {
		c.reasons = map[string]int{}
	}
	if _, known := c.reasons[reason]; known || len(c.reasons) < tallyReasons {
		c.reasons[reason]++
	}
}

// Forget drops what was counted of a pod.
func (t *Tally) Forget(s Source) { delete(t.of, s) }
