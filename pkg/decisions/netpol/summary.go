package netpol

import (
	"net/netip"
	"slices"
)

// Summary has the numbers of the index's objects.
type Summary struct {
	Pods       int // of all nodes, with an address
	LocalPods  int // of this node
	Isolated   int // of this node, selected by a policy
	Policies   int // of the cluster
	PoliciesOn int // policies that select a pod of this node
	Starting   int // pods of foreign namespaces on this node without an address
}

// Summary counts the index's objects. It reads every namespace.
func (x *Index) Summary() Summary {
	s := Summary{Starting: len(x.waiting)}
	for _, ns := range x.namespaces {
		s.Policies += len(ns.policies)
		for _, p := range ns.policies {
			if len(p.chains) > 0 {
				s.PoliciesOn++
			}
		}
		for _, p := range ns.pods {
			if len(p.ips) > 0 {
				s.Pods++
			}
		}
		for p := range ns.local {
			if !p.local(x) {
				continue
			}
			s.LocalPods++
			if p.chain(egress) != nil || p.chain(ingress) != nil {
				s.Isolated++
			}
		}
	}
	return s
}

// Local returns the addresses of this node's pods, sorted.
func (x *Index) Local() []netip.Addr {
	out := make([]netip.Addr, 0, len(x.known.entries))
	for e := range x.known.entries {
		out = append(out, e.Prefix.Addr())
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return out
}

// PodCIDRs returns the known prefixes of this node's pods.
func (x *Index) PodCIDRs() []netip.Prefix { return x.settings.PodCIDRs }
