package facts

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"data-space.liqo.io/pkg/decisions/factrate"
	"data-space.liqo.io/pkg/effects/factlog"
	"data-space.liqo.io/pkg/effects/otlplog"
	"data-space.liqo.io/pkg/values/fact"
)

// Config is how facts are recorded.
type Config struct {
	Folder  string // of the log
	Options factlog.Options
	Log     *slog.Logger
	// Witnesses are asked to cosign.
	Witnesses []*Witness

	Collector string // URL of a collector of OpenTelemetry that is sent the facts as well; empty: none

	Requests string   // folder of the record of requests, with which the log is compared; empty: the node keeps no record
	Started  []string // the arguments that the agent was started with: their hash is in the fact of its start
}

const (
	waiting     = 4096             // facts that wait for the disk
	batch       = 512              // facts that are written, and synced, at once
	signEvery   = 5 * time.Second  // a checkpoint is signed so long after a fact at most
	countEvery  = time.Minute      // what was only counted is recorded
	retryEvery  = 2 * time.Second  // after a failed write
	clockStep   = 2 * time.Second  // by which the clock must differ from the time that passed
	closingTime = 10 * time.Second // in which the rest is written when the agent ends
)

// Emitter takes facts from all parts of the agent and records them. A nil Emitter records nothing.
type Emitter struct {
	Config
	in      chan fact.Fact
	limiter *factrate.Limiter
	metrics *metrics
	export  *otlplog.Exporter // nil: none

	mu   sync.Mutex // of limiter and lost
	lost map[string]loss

	last    time.Time    // that the clock was looked at
	failing atomic.Value // string: the failure that was last logged; "": none since
	lines   atomic.Int64 // of the log
	signed  atomic.Value // string: its newest checkpoint

	witnessed sync.Map                 // agentapi.Witnessed by name
	onNode    atomic.Pointer[Reporter] // writes Events of witnesses; nil: none are written

	guests    *GuestLogs
	opened    chan struct{} // closed when the log is open
	rotations chan rotation
	barriers  chan chan struct{}    // each is closed when what waited before it is on the disk
	delivered map[string]fact.Place // by folder of the record: the newest of its facts in the log, once opened
	versions  map[string]string     // of the programs that started on this node, once opened
}

// New returns an emitter, or nil without a folder. What it is given waits until Run.
func New(c Config, r prometheus.Registerer) *Emitter {
	if c.Folder == "" {
		return nil
	}
	m := newMetrics(r)
	e := &Emitter{Config: c, in: make(chan fact.Fact, waiting), limiter: factrate.New(factrate.DefaultLimits()), metrics: m, lost: map[string]loss{}, last: c.Options.Time(),
		opened: make(chan struct{}), barriers: make(chan chan struct{}), rotations: make(chan rotation), delivered: map[string]fact.Place{}, versions: map[string]string{}}
	e.failing.Store("")
	e.newExport(r)
	return e
}

// Emit records a fact, soon. It does not wait: facts for which there is no room are counted, and so are those that exceed the rate of their
// kind and pod.
func (e *Emitter) Emit(f fact.Fact) {
	if e == nil {
		return
	}
	now := e.Options.Time()
	if f.Time.IsZero() {
		f.Time = now
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.limiter.Record(now, f) {
		e.metrics.counted.Inc()
		return
	}
	e.put(f)
}

// Checkpoint returns the newest signed checkpoint of the node's log; empty: nothing was signed yet.
func (e *Emitter) Checkpoint() string {
	if e == nil {
		return ""
	}
	signed, _ := e.signed.Load().(string)
	return signed
}

// put queues a fact. The caller holds the lock.
func (e *Emitter) put(f fact.Fact) {
	select {
	case e.in <- f:
	default:
		e.miss(reasonQueue, max(1, f.Count), f.Time)
	}
}

// Why facts are missing.
const reasonQueue, reasonDisk = "QueueFull", "DiskFailed"

// loss are facts that are missing.
type loss struct {
	count int64
	since time.Time // when the first of them happened
}

// lose counts facts that are given up.
func (e *Emitter) lose(reason string, facts []fact.Fact) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.miss(reason, int64(len(facts)), facts[0].Time)
}

// miss counts facts that are missing. The caller holds the lock.
func (e *Emitter) miss(reason string, n int64, since time.Time) {
	l := e.lost[reason]
	if l.count == 0 || since.Before(l.since) {
		l.since = since
	}
	l.count += n
	e.lost[reason] = l
	e.metrics.lost.Add(float64(n))
}

// Run records, and asks witnesses to cosign, until the context ends; then it records what waits, and the end.
func (e *Emitter) Run(ctx context.Context) error {
	if e == nil {
		return nil
	}
	var group errgroup.Group
	joined := make(chan struct{})
	group.Go(func() error { e.attest(ctx); return nil })
	exporting, written := context.WithCancel(context.WithoutCancel(ctx)) // what is recorded at the end is sent as well
	group.Go(func() error { defer written(); return e.write(ctx, joined) })
	group.Go(func() error { e.exports(exporting); return nil })
	group.Go(func() error { e.guests.run(ctx); close(joined); return nil })
	return group.Wait()
}

// total is how many facts happened, those that were counted included.
func total(facts []fact.Fact) (n int64) {
	for _, f := range facts {
		n += max(1, f.Count)
	}
	return n
}

// complain logs a failure once.
func (e *Emitter) complain(message string, err error) {
	if e.failing.Swap(err.Error()) != err.Error() {
		e.Log.Error(message, "folder", e.Folder, "error", err)
	}
}

func (e *Emitter) recovered() {
	if e.failing.Swap("") != "" {
		e.Log.Info("facts are recorded again", "folder", e.Folder)
	}
}
