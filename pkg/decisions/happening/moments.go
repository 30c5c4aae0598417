package happening

import (
	"math"
	"slices"
	"strconv"
	"time"

	"data-space.liqo.io/pkg/values/fact"
)

// Moments finds the places in a node's log at which the node's clock passed a time. The order of the lines counts, not their times: a clock that was set
// back passes a time again, and one that was set forward may not have passed it.
type Moments struct {
	At time.Time

	behind bool // the newest line is later than the time
	newest time.Time
	fresh  bool // the place where it went beyond the time was not withdrawn
}

// disorder is by how much lines of a log may be out of the order of their times although the clock was not set.
const disorder = 2 * time.Second

// mostMoments bounds the places that are kept: root of a node may set its clock, and write its log, as often as it likes.
const mostMoments = 8

// Passed takes the next line. reached: the clock had passed the time when this line was written, and not when the one before was. withdrawn: the place that was
// reached last does not count, since the clock was set over the time there.
func (m *Moments) Passed(e Event) (reached, withdrawn bool) {
	if !hasClockTime(e) {
		return false, false
	}
	switch later := e.Time.After(m.At); {
	case later && !m.behind:
		m.behind, m.newest, m.fresh = true, e.Time, true
		reached = true
	case later && e.Time.After(m.newest):
		m.newest = e.Time
	case !later && m.behind:
		m.behind = false
		withdrawn, m.fresh = m.fresh && m.newest.Sub(m.At) <= disorder, false
		return false, withdrawn
	case !later && step(e) < 0 && e.Time.Add(-step(e)).After(m.At):
		return true, false // no line is later than the time, and the clock was
	}
	if m.fresh && m.steppedOver(e) {
		m.fresh, withdrawn = false, true
	}
	return reached, withdrawn
}

// steppedOver reports whether a line is about a step of the clock that left the time out.
func (m *Moments) steppedOver(e Event) bool {
	const found = 10 * time.Second // after which an agent has found a step
	return step(e) > 0 && !e.Time.Add(-step(e)-found).After(m.At)
}

// step returns by how much a line reports that the clock was set; 0: it is not about that.
func step(e Event) time.Duration {
	seconds, err := strconv.ParseFloat(e.Details["seconds"], 64)
	const century = 100 * 365 * 24 * time.Hour
	if e.Kind != string(fact.ClockStepped) || err != nil || math.IsNaN(seconds) {
		return 0
	}
	return time.Duration(max(-century.Seconds(), min(century.Seconds(), seconds)) * float64(time.Second))
}

// Ends reports whether the lines that were taken end before the clock passed the time: their end is a place as well.
func (m *Moments) Ends() bool { return !m.behind }

// hasClockTime reports whether the time of a line is that of the clock when it was written: other programs' facts are written later, and those that count
// others before facts that waited.
func hasClockTime(e Event) bool {
	return e.Details[fact.DetailRecord] == "" && !slices.Contains([]string{string(fact.FactsLost), string(fact.FactsCounted)}, e.Kind)
}

// moments returns how many of the events, which are those of one node in the order of its log, were before the clock passed a time: one number for each time that it
// did, of the newest ones.
func moments(events []Event, at time.Time) []int {
	m := Moments{At: at}
	var places []int
	jump := -1
	for i, e := range events {
		reached, withdrawn := m.Passed(e)
		if reached {
			places = append(places, i)
		}
		if withdrawn {
			if n := len(places) - 1; n >= 0 {
				if jump < 0 {
					jump = places[n]
				}
				places = places[:n]
			}
		}
	}
	if m.Ends() {
		places = append(places, len(events))
	}
	places = places[max(0, len(places)-mostMoments):]
	if len(places) == 0 && jump >= 0 {
		places = []int{jump}
	}
	return places
}
