package agentapi

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"

	"data-space.liqo.io/pkg/values/fact"
)

// FactQuery chooses lines of the log of facts. Its zero value chooses all that are there now.
type FactQuery struct {
	Since, Until   time.Time // zero: not bounded
	Log            string    // the guest whose log of requests is read, as in RecordStatus.Guests; empty: the log of the node
	Guest          string    // empty: of any guest, and of none
	Namespace, Pod string    // empty: of any
	Kinds          []string  // none: of any kind
	Last           int       // only so many of the newest; 0: all
	Follow         bool      // and those that are recorded from then on, until the reader goes
}

// Values returns the URL query that ParseFactQuery reads.
func (q FactQuery) Values() url.Values {
	v := url.Values{}
	set(v, map[string]string{"log": q.Log, "guest": q.Guest, "namespace": q.Namespace, "pod": q.Pod})
	moments(v, map[string]time.Time{"since": q.Since, "until": q.Until})
	if len(q.Kinds) > 0 {
		v["kind"] = q.Kinds
	}
	if q.Last > 0 {
		v.Set("last", strconv.Itoa(q.Last))
	}
	if q.Follow {
		v.Set("follow", "true")
	}
	return v
}

// An answer that is followed ends after LongestFollow, and has an empty line at least every FollowBeat: so a reader that has gone is noticed.
const (
	LongestFollow = time.Hour
	FollowBeat    = 10 * time.Second
)

// maxLast bounds Last: so many lines are kept in memory.
const maxLast = 10_000

// ParseFactQuery reads a query.
func ParseFactQuery(v url.Values) (FactQuery, error) {
	q := FactQuery{Log: v.Get("log"), Guest: v.Get("guest"), Namespace: v.Get("namespace"), Pod: v.Get("pod"), Kinds: v["kind"], Follow: v.Get("follow") == "true"}
	err := errors.Join(moment(v, "since", &q.Since), moment(v, "until", &q.Until))
	if text := v.Get("last"); text != "" {
		n, parseErr := strconv.Atoi(text)
		if parseErr != nil || n < 1 || n > maxLast {
			err = errors.Join(err, fmt.Errorf("last=%q: give 1 to %d", text, maxLast))
		}
		q.Last = n
	}
	return q, err
}

// Chooses reports whether a fact is asked for.
func (q FactQuery) Chooses(f fact.Fact) bool {
	return (q.Since.IsZero() || !f.Time.Before(q.Since)) && (q.Until.IsZero() || !f.Time.After(q.Until)) &&
		(q.Guest == "" || f.Subject.Guest == q.Guest) && (q.Namespace == "" || f.Subject.Namespace == q.Namespace) &&
		(q.Pod == "" || f.Subject.Pod == q.Pod) && (len(q.Kinds) == 0 || slices.Contains(q.Kinds, string(f.Kind)))
}

// RequestQuery chooses entries of the record of requests.
type RequestQuery struct {
	Guest  string // empty: of any
	Pod    string // namespace/name; empty: of any
	Since  time.Time
	JSON   bool
	Probes bool // the kubelet's as well
	Wide   bool // no cell of the table is shortened
	Follow bool
}

// Values returns the URL query that ParseRequestQuery reads.
func (q RequestQuery) Values() url.Values {
	v := url.Values{}
	set(v, map[string]string{"guest": q.Guest, "pod": q.Pod})
	moments(v, map[string]time.Time{"since": q.Since})
	for name, on := range map[string]bool{"json": q.JSON, "wide": q.Wide, "probes": q.Probes, "follow": q.Follow} {
		if on {
			v.Set(name, "true")
		}
	}
	return v
}

// ParseRequestQuery reads a query.
func ParseRequestQuery(v url.Values) (RequestQuery, error) {
	q := RequestQuery{Guest: v.Get("guest"), Pod: v.Get("pod"), JSON: v.Get("json") == "true", Wide: v.Get("wide") == "true", Probes: v.Get("probes") == "true",
		Follow: v.Get("follow") == "true"}
	return q, moment(v, "since", &q.Since)
}

func set(v url.Values, texts map[string]string) {
	for name, text := range texts {
		if text != "" {
			v.Set(name, text)
		}
	}
}

func moments(v url.Values, times map[string]time.Time) {
	for name, at := range times {
		if !at.IsZero() {
			v.Set(name, at.UTC().Format(time.RFC3339Nano))
		}
	}
}

func moment(v url.Values, name string, to *time.Time) error {
	text := v.Get(name)
	if text == "" {
		return nil
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return fmt.Errorf("%s=%q: not a time; give one such as 2026-01-02T15:04:05Z", name, text)
	}
	*to = at
	return nil
}
