package startgate

import (
	"context"
	"net/netip"

	"golang.org/x/sync/errgroup"

	"data-space.liqo.io/pkg/effects/nri"
)

// Run runs the gates until the context ends.
func Run(ctx context.Context, parts Parts, config Config, n Node) error {
	if n.Chain != nil { // an interface that holds a nil pointer is not nil
		parts.Chain = n.Chain
	}
	g, err := New(parts, config)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	if n.Chain != nil {
		n.Chain.Restored, n.Chain.Placed = g.Restored, g.Placed
		n.Voucher.Gate = g
		group.Go(func() error { n.Voucher.Run(ctx); return nil })
	}
	group.Go(func() error { return g.Run(ctx) })
	if n.NRI != nil {
		group.Go(func() error { g.runNRI(ctx, n); return nil })
	}
	return group.Wait()
}

// runNRI answers the runtime's announcements once the gate has something to judge by.
func (g *Gate) runNRI(ctx context.Context, n Node) {
	if g.Ready(ctx) {
		link := nri.Connection{Socket: n.NRI, Log: g.parts.Log, Live: g.Announced()}
		link.Run(ctx, introduced{NewNRI(g, n.Runtime), g.Address})
	}
}

// introduced passes on the addresses of each pod that was made, before its containers start.
type introduced struct {
	nri.Handler
	address func(ctx context.Context, namespace, name string, ips []netip.Addr)
}

// Made implements nri.Handler.
func (i introduced) Made(ctx context.Context, p nri.Pod) error {
	if i.address != nil && p.Netns != "" {
		i.address(ctx, p.Namespace, p.Name, p.IPs)
	}
	return i.Handler.Made(ctx, p)
}
