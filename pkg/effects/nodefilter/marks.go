package nodefilter

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/vishvananda/netlink"

	"data-space.liqo.io/pkg/decisions/netpol"
	"data-space.liqo.io/pkg/effects/xtables"
	"data-space.liqo.io/pkg/values/iptables"
)

// MarkUses returns the rules of other programs on the node that use our mark bits: of iptables in both backends and both
// families, of nftables tables that programs keep of their own, and of routing. eBPF programs are not read.
func (f *Filter) MarkUses(ctx context.Context, marks uint32, families ...iptables.Family) ([]netpol.MarkUse, error) {
	var out []netpol.MarkUse
	var problems []error
	for _, family := range families {
		for _, backend := range []xtables.Backend{xtables.NFT, xtables.Legacy} {
			g := Filter{node: f.node, backend: backend}
			program := backend.Program(family, "save")
			text, err := g.run(ctx, "", program)
			if err != nil {
				problems = append(problems, err)
				continue
			}
			saved, err := iptables.ParseSave(family, text)
			if err != nil {
				problems = append(problems, err)
				continue
			}
			out = append(out, netpol.MarkUses(program, saved, marks)...)
		}
	}
	native, nativeErr := f.nativeMarks(ctx, marks)
	routing, err := f.routingMarks(marks)
	return slices.Concat(out, native, routing), errors.Join(append(problems, nativeErr, err)...)
}

// routingMarks are the routing rules that match one of the marks.
func (f *Filter) routingMarks(marks uint32) ([]netpol.MarkUse, error) {
	var out []netpol.MarkUse
	err := f.node.Do(func() error {
		rules, err := netlink.RuleList(netlink.FAMILY_ALL)
		for _, r := range rules {
			mask := uint32(1<<32 - 1)
			if r.Mask != nil {
				mask = *r.Mask
			}
			if r.Mark&mask&marks != 0 {
				out = append(out, netpol.MarkUse{Where: "ip rule", Rule: r.String(), Mark: fmt.Sprintf("%#x/%#x", r.Mark, mask)})
			}
		}
		return err
	})
	return out, err
}
