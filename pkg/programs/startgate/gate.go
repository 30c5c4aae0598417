package startgate

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/singleflight"

	"data-space.liqo.io/pkg/effects/localsock"
	"data-space.liqo.io/pkg/effects/spacefile"
	"data-space.liqo.io/pkg/values/gate"
)

// Config is how pods are held.
type Config struct {
	Socket string   // the socket on which the CNI plugin asks
	File   string   // the list of namespaces that stays on the node
	Exempt []string // namespaces whose pods start even if neither the API server nor the node's cache can be asked
	Marks  bool     // every foreign pod has gate.AnnotationGuest

	// Profile, if set, is put into its place once the first gate stands.
	Profile *Profile

	// Address, if set, is called with the addresses of every pod that may start, before it starts.
	Address func(ctx context.Context, namespace, name string, ips []netip.Addr)
}

// gateWriters is how many pods' rules the gate writes at a time at least, and on a larger node as many as it has CPUs: with
// more, each takes longer, and the proxies' exemptions wait behind them.
const gateWriters = 2

// Gate holds pods' starts until they are enforced. Make it with New, then Run it once, beside the agent.
type Gate struct {
	Config
	parts   Parts
	metrics metrics

	memory  atomic.Pointer[gate.Spaces] // what the file holds
	changed chan struct{}               // a namespace may have changed
	stood   context.CancelFunc          // ends the keeping of the chain
	standby chan struct{}               // closed once it has ended
	down    atomic.Bool                 // nothing is left on the node, or no longer
	serving atomic.Bool                 // the plugin's questions are answered
	asking  singleflight.Group          // of the API server, by namespace
	writers chan struct{}

	placed     chan struct{} // closed once the plugin is in the node's chain
	placedOnce sync.Once
}

// New returns the gate. It reads what an earlier agent left on the node. Without a chain it holds nothing and leaves nothing; it is
// there for the NRI handler then, to judge by.
func New(p Parts, c Config) (*Gate, error) {
	g := &Gate{
		Config: c, parts: p, metrics: newMetrics(p.Registry),
		changed: make(chan struct{}, 1), standby: make(chan struct{}), writers: make(chan struct{}, max(gateWriters, runtime.NumCPU())),
		placed: make(chan struct{}),
	}
	g.down.Store(p.Chain == nil)
	if p.Chain == nil {
		g.memory.Store(&gate.Spaces{})
		return g, nil
	}
	list, err := spacefile.Read(c.File)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		p.Log.Warn("cannot read the list of namespaces of an earlier agent; this agent writes a new one", "error", err)
	}
	g.memory.Store(&list)
	return g, nil
}

// Run opens the gate once it can tell foreign pods from others, and then puts the plugin into the node's CNI chain. When
// the context ends it stops answering and leaves the plugin where it is. Without a chain it only keeps what it judges by.
func (g *Gate) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	if err := g.parts.Spaces.OnSpace(ctx, g.notify); err != nil {
		return err
	}
	group.Go(func() error { g.remember(ctx); return nil })
	if g.parts.Chain != nil {
		group.Go(func() error { return g.open(ctx) })
	} else {
		group.Go(func() error { g.keepProfile(ctx); return nil })
	}
	return group.Wait()
}

// open waits until there is something to judge by, then serves.
func (g *Gate) open(ctx context.Context) error {
	if !g.Ready(ctx) {
		close(g.standby)
		return nil
	}
	listener, err := localsock.Listen(ctx, g.Socket)
	if err != nil {
		close(g.standby)
		return fmt.Errorf("open the gate: %w", err)
	}
	group, ctx := errgroup.WithContext(ctx)
	keeping, stop := context.WithCancel(ctx)
	defer stop()
	g.stood = stop
	group.Go(func() error {
		defer close(g.standby)
		return g.parts.Chain.Keep(keeping)
	})
	group.Go(func() error { g.keepProfile(keeping); return nil })
	g.serving.Store(true)
	defer g.serving.Store(false)
	group.Go(func() error {
		return g.serve(ctx, localsock.Listener{Listener: listener, Refused: func(err error) {
			g.parts.Log.Warn("a connection to the gate was refused", "error", err)
		}})
	})
	g.parts.Log.Info("the gate is open: pods are held until they are enforced", "socket", g.Socket,
		"namespaces", g.memory.Load().Len(), "complete", g.parts.Cluster.Synced())
	return group.Wait()
}
