package guestnet

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"

	"data-space.liqo.io/pkg/values/v1alpha1"
)

// maxNames bounds the names of a GuestPolicy that are looked up.
const maxNames = 32

// Resolution is what is known of a name.
type Resolution struct {
	// Open are the addresses that are to be open, and Answered those of them that are answered.
	Open, Answered []netip.Addr
	// Problem is why they may be old, or why there are none.
	Problem string
}

// NamesOf returns the names in a section that are looked up, each once, in the order of the section.
func NamesOf(n *v1alpha1.Network) []string {
	var names []string
	if n == nil {
		return nil
	}
	for _, rule := range n.Egress {
		for _, name := range rule.Names {
			if len(names) < maxNames && !slices.Contains(names, string(name)) {
				names = append(names, string(name))
			}
		}
	}
	return names
}

// named returns the peers that names stand for, and notes what is answered and what opens nothing.
func (r *renderer) named(at string, names []v1alpha1.HostName) []networkingv1.NetworkPolicyPeer {
	var open []netip.Prefix
	for i, name := range names {
		field := fmt.Sprintf("%s[%d]: %s", at, i, name)
		switch known := slices.Contains(r.names, string(name)); {
		case !known:
			r.unnamed(field, fmt.Sprintf("opens nothing: a GuestPolicy has at most %d names; name fewer", maxNames))
			continue
		case r.cluster.Domain != "" && strings.HasSuffix("."+string(name), "."+r.cluster.Domain):
			r.unnamed(field, "opens nothing: it is a name of the cluster; select pods by their labels")
			continue
		}
		found := r.cluster.Names(string(name))
		open = append(open, r.address(field, string(name), found)...)
		if found.Problem != "" {
			r.unnamed(field, found.Problem)
		}
	}
	var peers []networkingv1.NetworkPolicyPeer
	for _, p := range aggregate(open) {
		peers = append(peers, networkingv1.NetworkPolicyPeer{IPBlock: &networkingv1.IPBlock{CIDR: p.String()}})
	}
	return peers
}

// address returns the addresses of a name that may be opened; of these it notes which are answered.
func (r *renderer) address(field, name string, found Resolution) []netip.Prefix {
	var open []netip.Prefix
	answered := []netip.Addr{}
	for _, a := range found.Open {
		host := netip.PrefixFrom(a, a.BitLen())
		switch {
		case r.cluster.covers(host):
			r.unnamed(field, fmt.Sprintf("its address %s is one that no GuestPolicy opens (a node, the API server, a link-local or metadata address, a peer's network); correct the DNS", a))
		case isPrivate(host) && !r.inBlock(host):
			r.unnamed(field, fmt.Sprintf("its address %s is private and stays closed; add an ipBlock with it to the egress rules if it is meant", a))
		default:
			open = append(open, host)
			if slices.Contains(found.Answered, a) {
				answered = append(answered, a)
			}
		}
	}
	if r.opened.Named == nil {
		r.opened.Named = map[string][]netip.Addr{}
	}
	r.opened.Named[name] = answered
	return open
}

// covers reports whether an address is among those that a guest never reaches.
func (c Cluster) covers(host netip.Prefix) bool {
	in := func(p netip.Prefix) bool { return within(host, p) }
	if slices.ContainsFunc(never(), in) || slices.ContainsFunc(c.Addresses, in) {
		return true
	}
	for _, p := range c.Peers {
		if slices.ContainsFunc(p.External, in) || slices.ContainsFunc(p.Pods, in) {
			return true
		}
	}
	return false
}

func isPrivate(host netip.Prefix) bool {
	return slices.ContainsFunc(private(), func(p netip.Prefix) bool { return within(host, p) })
}

// inBlock reports whether an ipBlock of the section's egress rules opens a private address.
func (r *renderer) inBlock(host netip.Prefix) bool {
	for _, rule := range r.section.Egress {
		for _, peer := range rule.To {
			if peer.IPBlock == nil {
				continue
			}
			block, err := r.cluster.block(*peer.IPBlock)
			if err != nil {
				continue
			}
			outside := func(text string) bool {
				p, err := netip.ParsePrefix(text)
				return err != nil || within(host, p)
			}
			if whole, err := netip.ParsePrefix(block.CIDR); err == nil && within(host, whole) && !slices.ContainsFunc(block.Except, outside) {
				return true
			}
		}
	}
	return false
}

// unnamed notes that a name opens nothing, or not all of its addresses.
func (r *renderer) unnamed(field, problem string) {
	if text := field + ": " + problem; !slices.Contains(r.opened.Unnamed, text) {
		r.opened.Unnamed = append(r.opened.Unnamed, text)
	}
}
