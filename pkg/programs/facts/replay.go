package facts

import (
	"path/filepath"

	"data-space.liqo.io/pkg/effects/factlog"
	"data-space.liqo.io/pkg/effects/recordfile"
	"data-space.liqo.io/pkg/values/fact"
)

// replay is what a log has behind its last mark, for an agent that starts: each fact is in it once, and is counted or not.
type replay struct {
	mark    fact.Place // up to here all is recorded or counted
	newest  fact.Place // of the facts behind it
	places  map[fact.Place]bool
	counted map[rate]bool // of these the count is in the log, its mark is not
}

// rate is what is counted together.
type rate struct {
	kind, reason string
	subject      fact.Subject
}

// read takes a line of the log.
func (r *replay) read(f fact.Fact) {
	switch {
	case f.At == fact.Place{}:
	case f.Kind == fact.RequestsJoined:
		r.mark, r.places, r.counted = f.At, nil, nil
		if f.At.After(r.newest) {
			r.newest = f.At
		}
	case f.Kind == fact.FactsCounted:
		if r.counted == nil {
			r.counted = map[rate]bool{}
		}
		r.counted[rate{f.Reason, f.Details["reason"], f.Subject}] = true
	default:
		if r.places == nil {
			r.places = map[fact.Place]bool{}
		}
		if r.mark == (fact.Place{}) {
			r.mark = f.At // the mark before is in a segment that is not read
		}
		r.places[f.At], r.newest = true, f.At
	}
}

// counts reports whether a fact that is not behind the newest one is to be counted: it is neither in the log nor in a count.
func (r *replay) counts(f fact.Fact) bool {
	return !r.places[f.At] && !r.counted[rate{string(f.Kind), f.Reason, f.Subject}]
}

// restore finds out how far the log came, and reads the beginnings of requests that were open then.
func (l *guestLog) restore() error {
	err := newestLines(l.log.Folder, l.before.read)
	if err != nil {
		return err
	}
	l.at, l.marked = l.before.mark, l.before.mark
	record := filepath.Join(l.guests.record, l.folder)
	for at := (fact.Place{Segment: max(1, l.at.Segment-1)}); l.at.After(at); {
		part, err := recordfile.Lines(record, at, l.at, joinedPart)
		if err != nil || part.Next == at {
			return err
		}
		for _, line := range part.Lines {
			_, _ = entryFact(&l.pairing, line.Text)
		}
		at = part.Next
	}
	return nil
}

// newestLines calls each with the facts of the newest two segments of a log.
func newestLines(f factlog.Folder, each func(fact.Fact)) error {
	segments, err := f.Segments()
	if err != nil || len(segments) == 0 {
		return err
	}
	return f.Lines(segments[max(0, len(segments)-2)].First, func(_ int64, line []byte) error {
		if r, err := fact.Decode(line); err == nil { // what cannot be read is found by an audit
			each(r.Fact)
		}
		return nil
	})
}
