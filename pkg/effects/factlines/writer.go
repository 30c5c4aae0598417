package factlines

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"data-space.liqo.io/pkg/decisions/factrate"
	"data-space.liqo.io/pkg/values/fact"
)

// Sink takes facts.
type Sink interface {
	// Emit never waits: facts that exceed a rate, or for which there is no room, are counted, and the count is a fact.
	Emit(f fact.Fact)
}

const (
	waiting     = 4096            // facts that wait until the container runtime reads the output
	countEvery  = time.Minute     // what was only counted is written
	closingTime = 2 * time.Second // in which the rest is written when the program ends
)

// Writer writes facts. It is a Sink that is safe for concurrent use.
type Writer struct {
	out   io.Writer
	queue chan fact.Fact
	ended chan struct{}
	stop  chan struct{}
	next  int64 // index of the next line

	mu      sync.Mutex
	limiter *factrate.Limiter
	lost    int64
}

// New returns a writer that writes until Close.
func New(out io.Writer) *Writer {
	w := &Writer{out: out, queue: make(chan fact.Fact, waiting), ended: make(chan struct{}), stop: make(chan struct{}), limiter: factrate.New(factrate.DefaultLimits())}
	go w.run()
	return w
}

// Emit implements Sink.
func (w *Writer) Emit(f fact.Fact) {
	now := time.Now()
	if f.Time.IsZero() {
		f.Time = now
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.limiter.Record(now, f) {
		w.put(f)
	}
}

// put queues a fact. The caller holds the lock. While it waits it holds no more of its texts than its line will have: who sends a request chooses how long
// these are.
func (w *Writer) put(f fact.Fact) {
	select {
	case w.queue <- f.Bounded():
	default:
		w.lost += max(1, f.Count)
	}
}

// Close writes what waits, for at most two seconds: a container runtime that does not read keeps no program from ending.
func (w *Writer) Close() {
	close(w.stop)
	select {
	case <-w.ended:
	case <-time.After(closingTime):
	}
}

// run writes the facts of the queue until the writer is closed, then those that are left. It is the only goroutine that writes, so lines are
// whole and in order.
func (w *Writer) run() {
	defer close(w.ended)
	tick := time.NewTicker(countEvery)
	defer tick.Stop()
	for {
		select {
		case f := <-w.queue:
			w.write(f)
		case <-tick.C:
			w.count()
		case <-w.stop:
			w.count()
			for len(w.queue) > 0 {
				w.write(<-w.queue)
			}
			return
		}
	}
}

// count queues what was only counted.
func (w *Writer) count() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, f := range w.limiter.Counted(time.Now()) {
		w.put(f)
	}
}

// write writes a fact, and before it how many are missing.
func (w *Writer) write(f fact.Fact) {
	w.mu.Lock()
	lost := w.lost
	w.lost = 0
	w.mu.Unlock()
	if lost > 0 {
		w.line(fact.Fact{Time: time.Now(), Kind: fact.FactsLost, Warning: true, Reason: "QueueFull", Count: lost, Message: "facts are missing here: more came than the container runtime read"})
	}
	w.line(f)
}

func (w *Writer) line(f fact.Fact) {
	text, err := fact.Encode(w.next, f)
	if err != nil {
		return // its texts are printable: it does not happen
	}
	w.next++
	_, _ = fmt.Fprintf(w.out, "%s%s\n", fact.LinePrefix, text) // the runtime has gone with the container
}

// Program is a program that may come to write facts. A program that is wrongly called or configured fails before it does, and has written none.
type Program struct {
	*Writer
	started fact.Fact
	begin   sync.Once
	begun   bool
}

// NewProgram returns a program that writes a fact when it begins.
func NewProgram(out io.Writer, started fact.Fact) *Program {
	return &Program{Writer: New(out), started: started}
}

// End writes a fact if the program began, and closes the writer.
func (p *Program) End(stopped fact.Fact) {
	began := true
	p.begin.Do(func() { began = false })
	if began && p.begun {
		p.Emit(stopped)
	}
	p.Close()
}

type key struct{}

// Into returns a context that carries a program.
func Into(ctx context.Context, p *Program) context.Context { return context.WithValue(ctx, key{}, p) }

// From returns the sink of the context's program, which begins with it; without one, a sink that drops what it is given.
func From(ctx context.Context) Sink {
	p, ok := ctx.Value(key{}).(*Program)
	if !ok {
		return none{}
	}
	p.begin.Do(func() { p.begun = true; p.Emit(p.started) })
	return p
}

type none struct{}

func (none) Emit(fact.Fact) {}
