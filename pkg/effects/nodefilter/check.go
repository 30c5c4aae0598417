package nodefilter

import (
	"context"

	"data-space.liqo.io/pkg/decisions/netpol"
	"data-space.liqo.io/pkg/effects/dataplane"
	"data-space.liqo.io/pkg/effects/netns"
)

// Check makes sure, in a scratch namespace, that the programs are there and the kernel can hold the rules that every node
// has.
func Check(ctx context.Context, b dataplane.Backend, s netpol.Settings) error {
	scratch, err := netns.Scratch()
	if err != nil {
		return err
	}
	defer scratch.Close()
	_, err = New(scratch, b).Converge(ctx, netpol.New(s).State())
	return err
}
