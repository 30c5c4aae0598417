package facts

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"path/filepath"
	"time"

	"data-space.liqo.io/pkg/decisions/factrate"
	"data-space.liqo.io/pkg/decisions/record"
	"data-space.liqo.io/pkg/effects/factlog"
	"data-space.liqo.io/pkg/effects/recordfile"
	"data-space.liqo.io/pkg/values/fact"
)

// guestLog is the log of what the pods of one guest asked for. It is for one goroutine.
type guestLog struct {
	guests  *GuestLogs
	folder  string // of the guest in the record
	log     *factlog.Log
	pairing record.Pairing
	limiter *factrate.Limiter
	clock   clock

	at      fact.Place  // up to where the record was read
	pending []fact.Fact // of what was read, that the disk does not have yet

	recorded int64 // facts since the mark
	skipped  int64 // lines since the mark that were counted unread
	marked   fact.Place

	before replay
}

// behind is how many segments of the record may wait; of what is before them only the facts of our programs are made, and the rest is counted.
const behind = 2

// newGuestLog returns the log, not restored.
func newGuestLog(g *GuestLogs, folder string, l *factlog.Log) *guestLog {
	return &guestLog{guests: g, folder: folder, log: l, limiter: factrate.New(factrate.DefaultLimits())}
}

// advance makes facts of the next part of the record. more: another part waits.
func (l *guestLog) advance(ctx context.Context, to fact.Place) (lines int, more bool, err error) {
	if err := l.flush(); err != nil || to == l.at {
		return 0, false, err
	}
	if l.at.After(to) {
		l.again()
	}
	part, err := recordfile.Lines(filepath.Join(l.guests.record, l.folder), l.at, to, joinedPart)
	if err != nil {
		return 0, false, err
	}
	if part.Removed {
		l.pending = append(l.pending, l.missing(record.ReasonFull, 0, "a part of the record of requests was removed before its facts were made"))
	}
	late := to.Segment-l.at.Segment > behind && l.at.Segment > 0
	var ours []fact.Fact
	for _, line := range part.Lines {
		if late && !bytes.Contains(line.Text, []byte(`"text":"`+fact.LinePrefix)) {
			l.skipped++
			continue
		}
		lines++
		ours = append(ours, l.line(line)...)
	}
	if err := l.guests.emitter.deliver(ctx, l.folder, ours); err != nil {
		return lines, false, err
	}
	stuck := part.Next == l.at
	l.at = part.Next
	return lines + 1, !stuck && to.After(l.at), l.flush()
}

// again begins with the record from its beginning: it was removed, and another one begins.
func (l *guestLog) again() {
	l.pending = append(l.pending, l.missing("RecordRemoved", 0, "the record of requests was removed and begins again"))
	l.at, l.marked, l.before = fact.Place{}, fact.Place{}, replay{}
	delete(l.guests.emitter.delivered, l.folder)
}

// line takes a line of the record. It returns the facts of it that are the node's.
func (l *guestLog) line(line recordfile.Line) []fact.Fact {
	f, ok := entryFact(&l.pairing, line.Text)
	if !ok {
		return nil
	}
	f.At = line.End
	now := l.clock.tick(l.now(), f.Time)
	if f.Time.IsZero() {
		f.Time = now
	}
	switch {
	case !f.Kind.Frequent():
		return []fact.Fact{f}
	case !f.At.After(l.before.newest):
		if l.before.counts(f) {
			l.limiter.Count(now, f)
		}
	case l.limiter.Record(now, f):
		l.recorded++
		l.pending = append(l.pending, f)
	default:
		l.guests.emitter.metrics.counted.Inc()
	}
	return nil
}

// entryFact returns the fact that a line of the record completes, if it does.
func entryFact(p *record.Pairing, line []byte) (fact.Fact, bool) {
	var e record.Entry
	if json.Unmarshal(line, &e) != nil {
		return fact.Fact{}, false
	}
	return p.Fact(e)
}

// flush writes what waits for the disk.
func (l *guestLog) flush() error {
	if len(l.pending) == 0 {
		return nil
	}
	started := time.Now()
	if _, err := l.log.Append(l.pending); err != nil {
		if again := l.log.Reopen(); again != nil {
			return again
		}
		return err
	}
	l.guests.emitter.metrics.appended(len(l.pending), time.Since(started))
	l.pending = nil
	return nil
}

// mark records how much was only counted, and that all up to here is in the log. An agent that starts goes on from there.
func (l *guestLog) mark() error {
	if l.at == l.marked {
		return nil
	}
	now := l.clock.tick(l.now(), time.Time{})
	if l.skipped > 0 {
		l.pending = append(l.pending, l.missing("Behind", l.skipped, "lines of the record of requests were not made facts: its pods logged more than is read"))
	}
	for _, f := range l.limiter.Counted(now) {
		f.Time, f.At = l.now(), l.at
		l.pending = append(l.pending, f)
	}
	l.pending = append(l.pending, fact.Fact{
		Time: l.now(), Kind: fact.RequestsJoined, Subject: l.subject(), Count: l.recorded, At: l.at, Message: "so many facts were recorded one by one since the last of these lines",
	})
	l.recorded, l.skipped, l.marked = 0, 0, l.at
	if err := l.flush(); err != nil {
		return err
	}
	return l.anchor()
}

// anchor records the state of the log in the log of the node, whose witnesses vouch for it.
func (l *guestLog) anchor() error {
	if err := l.sign(); err != nil {
		return err
	}
	signed, err := l.log.Folder.Checkpoint()
	if err != nil {
		return err
	}
	c, err := factlog.Unverified(signed)
	if err != nil {
		return err
	}
	keys, err := l.log.Keys()
	if err != nil || len(keys) == 0 {
		return err
	}
	l.guests.emitter.Emit(fact.Fact{
		Kind: fact.RequestsSigned, Subject: l.subject(), Count: c.N, Message: "the log of a guest's requests has so many lines and this hash",
		Details: map[string]string{detailFolder: l.folder, "origin": c.Origin, "hash": base64.StdEncoding.EncodeToString(c.Hash[:]), "key": keys[len(keys)-1]},
	})
	return nil
}

func (l *guestLog) sign() error {
	_, err := l.log.Checkpoint()
	return err
}

func (l *guestLog) close() error { return l.log.Close() }

func (l *guestLog) subject() fact.Subject {
	if l.folder == noGuest {
		return fact.Subject{}
	}
	return fact.Subject{Guest: l.folder}
}

// noGuest is the folder of lines that belong to no known guest.
const noGuest = "_none"

func (l *guestLog) now() time.Time { return l.guests.emitter.Options.Time() }

func (l *guestLog) missing(reason string, count int64, message string) fact.Fact {
	return fact.Fact{Time: l.now(), Kind: fact.RequestsMissing, Warning: true, Reason: reason, Count: count, Message: message, Subject: l.subject()}
}

// clock runs at the pace of time, and ahead to the time of what is read: what waited while no agent ran has the rate that it had. It never goes back.
type clock struct {
	now, looked time.Time
}

func (c *clock) tick(looked, read time.Time) time.Time {
	if c.looked.IsZero() {
		c.now, c.looked = read, looked
	}
	c.now = c.now.Add(looked.Sub(c.looked))
	c.looked = looked
	if read.After(c.now) {
		c.now = read
	}
	return c.now
}
