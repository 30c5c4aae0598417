package guestnet

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"

	"data-space.liqo.io/pkg/values/v1alpha1"
)

// mostExceptions bounds the exceptions of one network, and of all networks of a GuestPolicy.
const (
	mostExceptions    = 512
	mostExceptionsAll = 4096
)

// errCovered: all addresses of a network are among those that a guest never reaches.
var errCovered = errors.New("each of its addresses is one that a GuestPolicy never opens (nodes, their pods, the API server, link-local and metadata addresses, networks of peers)," +
	" or an exception; remove it, or name pods by selectors")

// block returns a network without what must not be opened. An error says why nothing of it is.
func (c Cluster) block(b v1alpha1.IPBlock) (*networkingv1.IPBlock, error) {
	whole, err := network(b.CIDR)
	if err != nil {
		return nil, err
	}
	cuts := c.closed(whole)
	for _, e := range b.Except {
		except, err := network(e)
		if err != nil {
			return nil, err
		}
		cuts = append(cuts, except)
	}
	var inside []netip.Prefix
	for _, cut := range cuts {
		if within(whole, cut) {
			return nil, errCovered
		}
		if whole.Overlaps(cut) {
			inside = append(inside, cut)
		}
	}
	inside = aggregate(inside)
	if len(inside) == 1 && inside[0] == whole {
		return nil, errCovered
	}
	if len(inside) > mostExceptions {
		return nil, fmt.Errorf("%d parts of it are never opened, which is more than %d; name smaller networks, without the addresses of nodes", len(inside), mostExceptions)
	}
	out := &networkingv1.IPBlock{CIDR: whole.String()}
	for _, p := range inside {
		out.Except = append(out.Except, p.String())
	}
	return out, nil
}

// closed returns what is never opened of a network.
func (c Cluster) closed(whole netip.Prefix) []netip.Prefix {
	cuts := slices.Concat(never(), c.Addresses, c.peered(whole))
	for _, p := range private() {
		if !within(whole, p) {
			cuts = append(cuts, p)
		}
	}
	return cuts
}

// ParseNetworks reads networks, comma-separated.
func ParseNetworks(text string) ([]netip.Prefix, error) {
	var all []netip.Prefix
	for _, one := range strings.Split(text, ",") {
		p, err := network(v1alpha1.CIDR(strings.TrimSpace(one)))
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

func network(text v1alpha1.CIDR) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(string(text))
	if err != nil || p != p.Masked() || p.Addr().Is4In6() {
		return netip.Prefix{}, fmt.Errorf("%q is not a network; write the network's own address and its length, for example 203.0.113.0/24", text)
	}
	return p, nil
}
