package netpol

import (
	"cmp"
	"net/netip"
	"slices"

	"data-space.liqo.io/pkg/values/ipset"
	"data-space.liqo.io/pkg/values/iptables"
)

// Index holds the pods, namespaces and policies of the cluster, and the chains and sets that one node's filter must hold for
// them. Not safe for concurrent use.
type Index struct {
	settings   Settings
	namespaces map[string]*namespace
	holders    map[netip.Addr]*pod   // the pod that holds the address
	claims     map[netip.Addr][]*pod // the pods whose status has the address, where there are several; the first one holds it
	waiting    map[*pod]struct{}     // foreign pods of this node without an address

	sets      map[string]*set   // by group key, or by another key for sets of prefixes and standing sets
	broad     byLabel[*set]     // groups that cover all namespaces
	selecting map[*set]struct{} // groups with a namespace selector
	isolated  *set              // addresses of this node's pods that some policy selects
	known     *set              // addresses of this node's pods
	closed    *set              // prefixes whose unknown addresses are closed

	targets  map[string]*targetChain
	policies map[string]*policyChain
	tree     [2]map[iptables.Family]*tree

	audits   int // number of policies in mode Audit
	lists    [kinds]listing
	rendered map[iptables.Family]map[string][]iptables.Rule // own chains in the kernel
	tx       *transaction
}

// New returns an index of an empty cluster. Its State refuses no packet.
func New(s Settings) *Index {
	x := &Index{
		settings: s.withDefaults(), namespaces: map[string]*namespace{}, holders: map[netip.Addr]*pod{}, claims: map[netip.Addr][]*pod{},
		waiting: map[*pod]struct{}{}, sets: map[string]*set{}, selecting: map[*set]struct{}{},
		targets: map[string]*targetChain{}, policies: map[string]*policyChain{},
		rendered: map[iptables.Family]map[string][]iptables.Rule{},
	}
	for _, d := range directions() {
		x.tree[d] = map[iptables.Family]*tree{}
		for _, f := range x.settings.families() {
			x.tree[d][f] = newTree(d, f, x.settings.LeafPods)
		}
	}
	for _, f := range x.settings.families() {
		x.rendered[f] = map[string][]iptables.Rule{}
	}
	x.begin(false)
	x.standingSets()
	for _, f := range x.settings.families() {
		for _, c := range x.frame(f) {
			x.rendered[f][c.Name] = c.Rules
		}
	}
	x.commit()
	return x
}

// Apply applies changes in order and returns the Delta of the kernel's state. Changes of one call share one Delta, so the states
// between them are never enforced.
func (x *Index) Apply(changes ...Change) Delta {
	x.begin(len(changes) == 1 && single(changes[0]))
	for _, c := range changes {
		c.apply(x)
	}
	return x.commit()
}

// State returns the complete state that the kernel must hold, one per family.
func (x *Index) State() []State {
	var out []State
	for _, f := range x.settings.families() {
		s := State{Family: f, Hooks: Hooks()}
		for _, set := range x.sets {
			s.Sets = append(s.Sets, set.value(f))
		}
		slices.SortFunc(s.Sets, func(a, b ipset.Set) int { return cmp.Compare(a.Name, b.Name) })
		for name, rules := range x.rendered[f] {
			s.Chains = append(s.Chains, iptables.Chain{Name: name, Policy: iptables.NoPolicy, Rules: rules})
		}
		slices.SortFunc(s.Chains, func(a, b iptables.Chain) int { return cmp.Compare(a.Name, b.Name) })
		out = append(out, s)
	}
	return out
}
