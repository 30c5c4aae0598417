package main

import (
	"fmt"

	"data-space.liqo.io/pkg/effects/leases"
	"data-space.liqo.io/pkg/effects/sandbox"
	"data-space.liqo.io/pkg/programs/startgate"
)

// newVoucher makes what renews the Lease of this node.
func newVoucher(n node, g *startgate.Gate, pods startgate.Pods, runtime *sandbox.Client) (*startgate.Voucher, error) {
	boot, err := leases.Boot()
	if err != nil {
		return nil, fmt.Errorf("read the boot id of this node: %w", err)
	}
	writer, err := leases.New(n.api)
	if err != nil {
		return nil, err
	}
	holder := n.pod
	if holder == "" {
		holder = n.node // run outside of a cluster
	}
	return &startgate.Voucher{Node: n.node, Pod: holder, Boot: boot, Gate: g, Pods: pods, Leases: writer, Networks: runtime, Checkpoint: n.facts.Checkpoint, Log: n.log}, nil
}
