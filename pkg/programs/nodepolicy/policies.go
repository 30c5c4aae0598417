package nodepolicy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"data-space.liqo.io/pkg/decisions/netpol"
	"data-space.liqo.io/pkg/effects/nodefilter"
	"data-space.liqo.io/pkg/effects/policywatch"
	"data-space.liqo.io/pkg/values/fact"
	"data-space.liqo.io/pkg/values/netpolicy"
)

// Cluster is the API server.
type Cluster interface {
	// Run calls take with each batch of changes until the context ends, and synced once the first lists are complete.
	Run(ctx context.Context, take func([]netpol.Change), synced func())
	// Problem is why the API server does not answer; "": it answers.
	Problem() string
	// Node reads the Node. errors.Is policywatch.ErrRefused if the agent may not.
	Node(ctx context.Context, name string) (policywatch.Node, error)
	// Reasons returns why the rules of a policy are there, in their order; none for a policy that is not generated.
	Reasons(ctx context.Context, policy netpolicy.Key) (policywatch.Reasons, error)
}

// Filter is what the node's kernel holds, kept as the changes say.
type Filter interface {
	// Apply notes changes and, after the first Converge, writes what follows from them.
	Apply(ctx context.Context, changes ...netpol.Change) error
	// Converge makes the kernel hold what the policies say, and returns how it differed.
	Converge(ctx context.Context) ([]nodefilter.Finding, error)
	// Cut ends connections that are no longer allowed, and returns how many.
	Cut() (int, error)
	// Retire ends all writing.
	Retire()
}

// Sight is what can be seen of it.
type Sight interface {
	// Explain returns the verdict on a packet with its reasons.
	Explain(netpol.Packet) (netpol.Verdict, error)
	// Holds reports whether one of the addresses is the node's own.
	Holds([]netip.Addr) (bool, error)
	Checks
	Census
}

// Checks compare the node's traffic with what the policies say.
type Checks interface {
	// Escapes returns the bridges whose pods reach each other past the filter.
	Escapes() ([]nodefilter.Escape, error)
	// Audit returns the connections that policies in mode Audit would refuse.
	Audit() (map[nodefilter.Connection][]netpol.WouldRefuse, error)
}

// Census counts.
type Census interface {
	// Summary counts what is known.
	Summary() netpol.Summary
	// PodCIDRs returns where the node's pods get their addresses.
	PodCIDRs() []netip.Prefix
	// Refused counts refused packets by family and reason.
	Refused() []nodefilter.Refused
	// MarkUses returns the rules of other programs that use our mark bits.
	MarkUses(ctx context.Context) ([]netpol.MarkUse, error)
}

// Config is how policies are enforced.
type Config struct {
	Node     string
	Backend  string
	Denial   netpol.Denial
	Unknown  netpol.Unknown
	PodCIDRs []netip.Prefix // empty: those of the Node object
	Verify   time.Duration  // between two looks at what the kernel holds
	Log      *slog.Logger
}

// Parts is what Policies work with. Filter and Sight are two sides of one thing.
type Parts struct {
	Cluster  Cluster
	Filter   Filter
	Sight    Sight
	Registry prometheus.Registerer
	Emit     func(fact.Fact) // records a fact, without waiting; nil: facts are not recorded
}

// Policies are the cluster's NetworkPolicies on one node. Make them with OnNode, then Run once.
type Policies struct {
	Config
	cluster Cluster
	filter  Filter
	sight   Sight
	emit    func(fact.Fact)
	metrics *metrics

	told  atomic.Bool   // the filter knows the whole cluster; before, nothing may be written
	begun atomic.Bool   // and the kernel was written once
	look  chan struct{} // requests a verification of the kernel now

	rounds atomic.Uint64 // in which the kernel was looked at
	known  *known        // of what is recorded; take's and synced's alone
	cut    chan struct{} // connections may be forbidden since
	seen   account
	audit  audit

	marksAt time.Time // when marks were looked for; of verify alone
}

// Times that need no flag.
const (
	askingPause = 2 * time.Second        // between two questions to the API server about the node
	asking      = 10 * time.Second       // for an answer
	writing     = 40 * time.Second       // for a write, also where another holds the lock
	retryPause  = time.Second            // after a write that failed
	patience    = 500 * time.Millisecond // of who makes a pod's network
	collecting  = 300 * time.Millisecond // changes, before connections are looked at
)

// newPolicies returns Policies that have done nothing yet.
func newPolicies(c Config, p Parts) *Policies {
	s := &Policies{
		Config: c, cluster: p.Cluster, filter: p.Filter, sight: p.Sight, emit: p.Emit,
		look: make(chan struct{}, 1), cut: make(chan struct{}, 1), known: newKnown(c.Node),
	}
	if s.emit == nil {
		s.emit = func(fact.Fact) {}
	}
	s.metrics = newMetrics(s, p.Registry)
	return s
}

// errElsewhere means that the network namespace is not the node's.
var errElsewhere = errors.New("this is not the node's network namespace: run the agent with hostNetwork: true, on the node that --node-name names")

// Run enforces until the context ends; then it leaves every rule in place.
func (p *Policies) Run(ctx context.Context) error {
	if err := p.locate(ctx); err != nil || ctx.Err() != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		p.cluster.Run(ctx, func(changes []netpol.Change) { p.take(ctx, changes) }, p.synced)
		return nil
	})
	group.Go(func() error { p.verify(ctx); return nil })
	group.Go(func() error { p.cuts(ctx); return nil })
	group.Go(func() error { p.audits(ctx); return nil })
	return group.Wait()
}

// locate makes sure that what will be written to is the node. It waits for an API server that does not answer.
func (p *Policies) locate(ctx context.Context) error {
	said := ""
	for ctx.Err() == nil {
		node, err := p.ask(ctx)
		switch {
		case err == nil:
			return p.enter(ctx, node)
		case errors.Is(err, policywatch.ErrRefused):
			return fmt.Errorf("NetworkPolicy: %w", err)
		case ctx.Err() == nil && err.Error() != said:
			said = err.Error()
			p.seen.trouble(said)
			p.Log.Warn("policies wait for the API server; what is on the node stays", "error", err)
		}
		pause(ctx, askingPause)
	}
	return nil
}

func (p *Policies) ask(ctx context.Context) (policywatch.Node, error) {
	ctx, cancel := context.WithTimeout(ctx, asking)
	defer cancel()
	return p.cluster.Node(ctx, p.Node)
}

// enter compares the node's addresses with those that are here.
func (p *Policies) enter(ctx context.Context, node policywatch.Node) error {
	if len(node.Addresses) > 0 {
		here, err := p.sight.Holds(node.Addresses)
		if err != nil {
			return err
		}
		if !here {
			return fmt.Errorf("NetworkPolicy: node %s has the addresses %v, none of which is here: %w", p.Node, node.Addresses, errElsewhere)
		}
	}
	p.seen.trouble("")
	p.ranges(ctx, node)
	return nil
}

// ranges takes note of where the node's pods get their addresses.
func (p *Policies) ranges(ctx context.Context, node policywatch.Node) {
	ranges := p.PodCIDRs
	if len(ranges) == 0 {
		ranges = node.PodCIDRs
	}
	if len(ranges) > 0 {
		p.apply(ctx, netpol.RangesSeen{PodCIDRs: ranges})
	}
}

// take enforces what has changed. Before synced, the filter only takes note of it.
func (p *Policies) take(ctx context.Context, changes []netpol.Change) {
	p.apply(ctx, changes...)
	p.recordChanges(changes)
	p.wake(p.cut)
}

// synced begins to enforce: the filter knows the whole cluster.
func (p *Policies) synced() {
	if !p.told.Load() {
		p.recordFound()
	}
	p.told.Store(true)
	p.wake(p.look)
}

func (p *Policies) apply(ctx context.Context, changes ...netpol.Change) {
	started := time.Now()
	writing, cancel := toTheEnd(ctx)
	defer cancel()
	err := p.filter.Apply(writing, changes...)
	p.metrics.applied(time.Since(started), err)
	if err != nil {
		p.seen.trouble(err.Error())
		p.Log.Error("a change of policies or pods is not written yet; it is tried again", "error", err)
		p.wake(p.look)
	}
}

// Address reports the addresses of a pod of this node whose network was just created. When it returns, the policies that select
// the pod are enforced, unless the pod is unknown or enforcement takes too long. In the latter case enforcement continues.
func (p *Policies) Address(ctx context.Context, namespace, name string, ips []netip.Addr) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.apply(ctx, netpol.AddressSeen{Key: netpolicy.Key{Namespace: namespace, Name: name}, IPs: ips})
	}()
	select {
	case <-done:
	case <-time.After(patience):
	}
}

// Ready reports whether policies are in force: every list was complete, and the kernel held what they say.
func (p *Policies) Ready() bool { return p.begun.Load() }

// toTheEnd is for a write: one that has begun is finished.
func toTheEnd(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), writing)
}

func (p *Policies) wake(who chan struct{}) {
	select {
	case who <- struct{}{}:
	default: // it is awake
	}
}
