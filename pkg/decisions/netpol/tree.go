package netpol

import (
	"net/netip"
	"slices"

	"data-space.liqo.io/pkg/values/iptables"
)

// tree leads a packet from one direction's root to the chain of the pod, by four bits of the address per level, from the low end
// (pods of a node share the high bits). It gets a further level where more pods than the limit of a leaf share the low bits.
type tree struct {
	dir      direction
	family   iptables.Family
	leafPods int
	branches [16]map[netip.Addr]leaf
	written  [16][]string // names of the chains of each branch
	dirty    [16]bool
}

type leaf struct {
	pod   *pod
	chain string
}

func newTree(d direction, f iptables.Family, leafPods int) *tree {
	return &tree{dir: d, family: f, leafPods: leafPods}
}

func (x *Index) treeOf(d direction, ip netip.Addr) *tree {
	t, ok := x.tree[d][familyOf(ip)]
	if !ok {
		return newTree(d, familyOf(ip), 1) // a tree that is never written: the node does not have this family
	}
	return t
}

// nibble returns the four bits of the address at a depth, counted from the low end.
func nibble(ip netip.Addr, depth int) int {
	bytes := ip.AsSlice()
	b := bytes[len(bytes)-1-depth/2]
	if depth%2 == 1 {
		b >>= 4
	}
	return int(b & 0xf)
}

// mask returns an address that has the value in the four bits at the depth.
func (t *tree) mask(depth, value int) netip.Addr {
	size := 4
	if t.family == iptables.V6 {
		size = 16
	}
	bytes := make([]byte, size)
	if depth%2 == 1 {
		value <<= 4
	}
	bytes[size-1-depth/2] = byte(value) //nolint:gosec // four bits, shifted by four at most
	ip, _ := netip.AddrFromSlice(bytes)
	return ip
}

func (t *tree) set(ip netip.Addr, l leaf) {
	n := nibble(ip, 0)
	if t.branches[n][ip] == l {
		return
	}
	if t.branches[n] == nil {
		t.branches[n] = map[netip.Addr]leaf{}
	}
	t.branches[n][ip] = l
	t.dirty[n] = true
}

// remove deletes the address's leaf unless it leads to another pod.
func (t *tree) remove(ip netip.Addr, p *pod) {
	n := nibble(ip, 0)
	if t.branches[n][ip].pod == p {
		delete(t.branches[n], ip)
		t.dirty[n] = true
	}
}

// changed returns the chains of the branches that changed, and the names of the chains that were deleted.
func (t *tree) changed() (chains []iptables.Chain, gone []string) {
	root := false
	for n := range t.branches {
		if !t.dirty[n] {
			continue
		}
		t.dirty[n] = false
		var grown []iptables.Chain
		if len(t.branches[n]) > 0 {
			ips := make([]netip.Addr, 0, len(t.branches[n]))
			for ip := range t.branches[n] {
				ips = append(ips, ip)
			}
			slices.SortFunc(ips, netip.Addr.Compare)
			grown = t.grow(t.branchChain(t.dir.rootChain(), n), ips, 1)
		}
		names := make([]string, len(grown))
		for i, c := range grown {
			names[i] = c.Name
		}
		for _, old := range t.written[n] {
			if !slices.Contains(names, old) {
				gone = append(gone, old)
			}
		}
		root = root || (len(names) == 0) != (len(t.written[n]) == 0)
		t.written[n] = names
		chains = append(chains, grown...)
	}
	if root {
		chains = append(chains, t.root())
	}
	return chains, gone
}

func (t *tree) root() iptables.Chain {
	var which []int
	for n := range t.branches {
		if len(t.branches[n]) > 0 {
			which = append(which, n)
		}
	}
	return t.fork(t.dir.rootChain(), which, 0)
}

// maxDepth is the limit of levels: each level adds a character to a chain's name.
const maxDepth = 8

// grow returns the chain of the addresses, which agree in the bits below depth, and all chains below it.
func (t *tree) grow(name string, ips []netip.Addr, depth int) []iptables.Chain {
	if len(ips) <= t.leafPods || depth >= maxDepth {
		return []iptables.Chain{t.leaves(name, ips)}
	}
	var parts [16][]netip.Addr
	var which []int
	for _, ip := range ips {
		parts[nibble(ip, depth)] = append(parts[nibble(ip, depth)], ip)
	}
	var under []iptables.Chain
	for n, part := range parts {
		if len(part) > 0 {
			which = append(which, n)
			under = append(under, t.grow(t.branchChain(name, n), part, depth+1)...)
		}
	}
	return append(under, t.fork(name, which, depth))
}

func (t *tree) branchChain(parent string, n int) string {
	digit := "0123456789abcdef"[n : n+1]
	if parent == t.dir.rootChain() {
		return parent + "-" + digit
	}
	return parent + digit
}

func (t *tree) fork(name string, which []int, depth int) iptables.Chain {
	c := iptables.Chain{Name: name, Policy: iptables.NoPolicy}
	for _, n := range which {
		c.Rules = append(c.Rules, iptables.Rule{
			Matches: matches{iptables.AddressBits{End: t.dir.way().local, Bits: t.mask(depth, n), Mask: t.mask(depth, 15)}},
			Target:  iptables.Goto(t.branchChain(name, n)),
		})
	}
	return c
}

// leaves returns the chain that leads each address to its pod's chain, except packets of a pod to itself.
func (t *tree) leaves(name string, ips []netip.Addr) iptables.Chain {
	c := iptables.Chain{Name: name, Policy: iptables.NoPolicy}
	for _, ip := range ips {
		l := t.branches[nibble(ip, 0)][ip]
		own := netip.PrefixFrom(ip, ip.BitLen())
		c.Rules = append(c.Rules, iptables.Rule{
			Matches: ends(t.dir, own, own), Comment: shorten("pod " + l.pod.String()), Target: iptables.Goto(l.chain),
		})
	}
	return c
}

// ends matches packets of the evaluated pod whose peer is not the given prefix, source first, as iptables prints it.
func ends(d direction, local, notFar netip.Prefix) matches {
	way := d.way()
	out := make(matches, 2)
	out[way.local] = iptables.Address{End: way.local, Prefix: local}
	out[way.far] = iptables.Address{End: way.far, Prefix: notFar, Not: true}
	return out
}
