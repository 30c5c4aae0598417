package guestnet

import (
	"net/netip"
	"slices"
)

// never returns the networks that no guest reaches by address, in any cluster: the node itself, the links' own addresses with the
// metadata services of clouds, and forms of IPv6 that have an IPv4 address in them.
func never() []netip.Prefix {
	return parsed(
		"0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4",
		"168.63.129.16/32", "100.100.100.200/32", "192.0.0.0/24", // Azure, Alibaba Cloud, Oracle Cloud
		"::/96", "::ffff:0:0/96", "fe80::/10", "ff00::/8",
		"64:ff9b::/96", "64:ff9b:1::/48", "::ffff:0:0:0/96", "2001::/32", "2002::/16", // NAT64, SIIT, Teredo, 6to4
		"fd00:ec2::/32", "fd20:ce::254/128", // AWS, Google Cloud
	)
}

// private returns the networks that a larger network does not include: they are allowed where a GuestPolicy names them, or networks
// within them. Nodes, pods, Services and Liqo's peers are there.
func private() []netip.Prefix {
	return parsed("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fec0::/10")
}

func parsed(texts ...string) []netip.Prefix {
	all := make([]netip.Prefix, 0, len(texts))
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

// within reports whether inner is outer or a part of it.
func within(inner, outer netip.Prefix) bool {
	return outer.Bits() <= inner.Bits() && outer.Overlaps(inner)
}

// aggregate returns the fewest prefixes with exactly these addresses, sorted.
func aggregate(all []netip.Prefix) []netip.Prefix {
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b netip.Prefix) int {
		if by := a.Addr().Compare(b.Addr()); by != 0 {
			return by
		}
		return a.Bits() - b.Bits()
	})
	var kept []netip.Prefix // sorted and disjoint, no two of them are the halves of one prefix
	for _, p := range all {
		if len(kept) > 0 && within(p, kept[len(kept)-1]) {
			continue
		}
		for kept = append(kept, p); len(kept) > 1; {
			whole, halves := union(kept[len(kept)-2], kept[len(kept)-1])
			if !halves {
				break
			}
			kept = append(kept[:len(kept)-2], whole)
		}
	}
	return kept
}

// union returns the prefix of which two others are the halves.
func union(low, high netip.Prefix) (netip.Prefix, bool) {
	if low.Bits() != high.Bits() || low.Bits() == 0 || low == high {
		return netip.Prefix{}, false
	}
	whole := netip.PrefixFrom(low.Addr(), low.Bits()-1).Masked()
	return whole, whole.Contains(high.Addr())
}
