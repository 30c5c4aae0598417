package recorder

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"data-space.liqo.io/pkg/decisions/record"
	"data-space.liqo.io/pkg/effects/logfollow"
	"data-space.liqo.io/pkg/effects/recordfile"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/fact"
)

// Config is how the recorder runs.
type Config struct {
	Logs   string // the node's folder of container logs
	Folder string // of the record: one folder below for each guest
	Limits recordfile.Limits
	Source logfollow.Limits // of one container
	Shared logfollow.Limits // of one that logs for all guests: no guest's lines may keep those of another from being copied
	Node   int64            // bytes a second that are copied of all containers; guests that have more to copy share them evenly
	Log    *slog.Logger

	// Removed bounds the bytes of the disk that the logs of one guest's removed pods take while they are copied. What exceeds it is
	// skipped.
	Removed int64

	// Sources names the containers to follow. It is asked at each poll; a source that it no longer names is followed to its end.
	Sources func() []record.Source

	// Concerns reports whether an entry belongs into the record of its source's guest; nil: all do. A log that is about
	// several guests is followed once for each, as a source of its own, so that each record knows how far it came.
	Concerns func(record.Entry) bool
	// Answered is given the end of each request and connection of a pod that is recorded, and why the proxy answered itself, or "". nil: it
	// is not asked for.
	Answered func(s record.Source, own string)
	// Unread is given why a proxy does not read the bytes of a connection any more. nil: it is not asked for.
	Unread func(reason string)
	// Forgotten is given each source that is no longer followed; nil: it is not asked for.
	Forgotten func(record.Source)

	// Synced is given up to where the disk has the record in a folder, whenever it has more; nil: it is not asked for.
	Synced func(folder string, to fact.Place)
	// Digested is given the hashes of what was written into the record in a folder, about once a minute; nil: it is not asked for.
	Digested func(folder string, d recordfile.Digest)

	// Probes marks the lines of the kubelet's probes; nil: none is marked.
	Probes *record.Probes

	// Known reports whether Concerns can decide. Until it does, logs that are about several guests are not read: an agent that
	// starts follows them from the record before the API server has named the guests. nil: it always can.
	Known func() bool
}

const (
	// interval is the time between two polls: what is written is in the record so long after at most, unless it is more
	// than the limits allow.
	interval = 250 * time.Millisecond
	// syncInterval is the time between two waits for the disk.
	syncInterval = time.Second
	// digestInterval is the time between two digests of a record that grows.
	digestInterval = time.Minute
	// pollLimit is what is read of one log in one poll: it is in memory then.
	pollLimit = 1 << 20
	// unknownGuest is the folder of pods whose namespace names no guest.
	unknownGuest = "_none"
)

// Recorder follows the logs of the node's foreign pods.
type Recorder struct {
	Config
	tails   map[record.Source]*logfollow.Tail
	records map[string]*recordfile.File // by guest
	budget  record.Budget
	failed  string // what was last complained of
}

// New returns a recorder that knows how far an earlier one came.
func New(c Config) (*Recorder, error) {
	r := &Recorder{
		Config: c, tails: map[record.Source]*logfollow.Tail{}, records: map[string]*recordfile.File{},
		budget: record.Budget{Rate: c.Node, Burst: c.Node},
	}
	if err := os.MkdirAll(c.Folder, 0o700); err != nil {
		return nil, fmt.Errorf("make the record's folder: %w", err)
	}
	guests, err := guestFolders(c.Folder)
	if err != nil {
		return nil, err
	}
	for _, guest := range guests {
		// A record that cannot be opened is that guest's matter: the others go on, and it is tried again at each poll.
		if _, err := r.open(guest); err != nil {
			r.complain(fmt.Errorf("the record of guest %s: %w", guest, err))
		}
	}
	return r, nil
}

// open opens the record of a guest, and follows on what an earlier agent followed there.
func (r *Recorder) open(guest string) (*recordfile.File, error) {
	if f := r.records[guest]; f != nil {
		return f, nil
	}
	f, err := recordfile.Open(filepath.Join(r.Folder, guest), r.Limits)
	if err != nil {
		return nil, err
	}
	r.records[guest] = f
	for source, at := range f.Positions() {
		r.tails[source] = r.follow(source, &at)
	}
	return f, nil
}

// Run copies until the context ends.
func (r *Recorder) Run(ctx context.Context) error {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	synced, digested := time.Now(), time.Now()
	for {
		now := time.Now()
		r.Poll(now)
		if now.Sub(synced) >= syncInterval {
			synced = now
			for _, f := range r.records {
				r.complain(f.Sync())
			}
			r.synced()
		}
		if now.Sub(digested) >= digestInterval {
			digested = now
			r.digest()
		}
		select {
		case <-ctx.Done():
			r.Poll(time.Now())
			r.digest()
			return r.close()
		case <-tick.C:
		}
	}
}

// synced hands on up to where the disk has the records.
func (r *Recorder) synced() {
	if r.Synced == nil {
		return
	}
	for folder, f := range r.records {
		if to := f.Synced(); to.Offset > 0 {
			r.Synced(folder, to)
		}
	}
}

// digest hands on the hashes of what was written since the last time.
func (r *Recorder) digest() {
	if r.Digested == nil {
		return
	}
	for folder, f := range r.records {
		for _, d := range f.Digests() {
			r.Digested(folder, d)
		}
	}
}

// Poll copies what was written since the last one.
func (r *Recorder) Poll(now time.Time) {
	named := map[record.Source]bool{}
	for _, s := range r.Sources() {
		named[s] = true
		if r.tails[s] == nil {
			r.tails[s] = r.follow(s, nil)
		}
	}
	r.share(now, named)
}

// sift passes over what does not concern the guest, and marks probes.
func (r *Recorder) sift(entries []record.Entry) []record.Entry {
	for i, e := range entries {
		switch {
		case r.Concerns != nil && !r.Concerns(e):
			entries[i] = e.Passed()
		case e.Source.Container == apis.ProxyContainerName:
			entries[i] = r.Probes.Marked(e)
		}
	}
	return entries
}

// again follows the source from where the record ends.
func (r *Recorder) again(s record.Source, t *logfollow.Tail, f *recordfile.File) {
	t.Close()
	var from *record.Position
	if at, known := f.Positions()[s]; known {
		from = &at
	}
	r.tails[s] = r.follow(s, from)
}

func (r *Recorder) follow(s record.Source, from *record.Position) *logfollow.Tail {
	limits := r.Source
	if s.Shared() {
		limits = r.Shared
	}
	return logfollow.New(r.Logs, s, from, limits)
}

func folder(guest string) string {
	if guest == "" {
		return unknownGuest
	}
	return guest
}

// guestFolders lists the folders of guests in the record. Files beside them are not the record's.
func guestFolders(root string) ([]string, error) {
	listed, err := os.ReadDir(root)
	if err != nil {
		return nil, fmt.Errorf("list the record: %w", err)
	}
	var guests []string
	for _, entry := range listed {
		if entry.IsDir() {
			guests = append(guests, entry.Name())
		}
	}
	return guests, nil
}

// answers hands on which requests and connections ended.
func (r *Recorder) answers(s record.Source, entries []record.Entry) {
	if r.Answered == nil || s.Container != apis.ProxyContainerName {
		return
	}
	for _, e := range entries {
		if answer, ended := record.ParseAnswer(e); ended {
			r.Answered(s, answer.Own())
		} else if reason, unread := record.ParseUnread(e); unread && r.Unread != nil {
			r.Unread(reason)
		}
	}
}

// weight is about how many bytes the entries are.
func weight(entries []record.Entry) int64 {
	var n int
	for _, e := range entries {
		n += len(e.Log) + len(e.Text)
	}
	return int64(n)
}

// complain logs an error once, until another one or none follows.
func (r *Recorder) complain(err error) {
	if err == nil {
		return
	}
	if text := err.Error(); text != r.failed {
		r.failed = text
		r.Log.Error("the record is not complete", "error", err)
	}
}

func (r *Recorder) close() error {
	var problems []error
	for _, f := range r.records {
		problems = append(problems, f.Close())
	}
	for _, t := range r.tails {
		t.Close()
	}
	return errors.Join(problems...)
}
