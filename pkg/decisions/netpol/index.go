package netpol

import (
	"cmp"
	"net/netip"
	"slices"

	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/ipset"
	"data-space.liqo.io/pkg/values/iptables"
	"data-space.liqo.io/pkg/values/netpolicy"
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

// namespace is the index's entry of one namespace.
type namespace struct {
	name     string
	labels   map[string]string
	seen     bool   // the namespace object was reported; a pod or a policy may be reported before it
	listed   uint32 // see listing
	pods     map[string]*pod
	local    map[*pod]struct{}
	policies map[string]*policy
	targets  byLabel[*policy] // by target selector
	audited  byLabel[*policy] // policies in mode Audit, by target selector
	groups   byLabel[*set]    // groups of this namespace, and groups whose namespace selector selects it
}

// pod is the index's entry of one pod. There is one per pod of the cluster, so the fields that only pods of this
// node have are in here.
type pod struct {
	netpolicy.Pod
	ns     *namespace
	gone   bool
	listed uint32       // see listing
	ips    []netip.Addr // the addresses that it holds: one pod holds an address that several claim
	sets   map[*set][]ipset.Entry
	here   *here // nil: the pod was never on this node
}

// here is the part of a pod's entry that only pods of this node have.
type here struct {
	early []netip.Addr // addresses reported by AddressSeen, before the pod's status has any
	chain [2]*targetChain
	leafs []netip.Addr // the addresses of ips that the trees lead to its chains
}

// chain returns the pod's chain in the direction; nil: no policy applies.
func (p *pod) chain(d direction) *targetChain {
	if p.here == nil {
		return nil
	}
	return p.here.chain[d]
}

// policy is the index's entry of one policy.
type policy struct {
	netpolicy.Policy
	listed uint32 // see listing
	chains map[*policyChain]struct{}
}

func (p *policy) side(d direction) netpolicy.Side {
	if d == egress {
		return p.Egress
	}
	return p.Ingress
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

func (x *Index) namespace(name string) *namespace {
	ns, ok := x.namespaces[name]
	if !ok {
		ns = &namespace{name: name, pods: map[string]*pod{}, local: map[*pod]struct{}{}, policies: map[string]*policy{}}
		x.namespaces[name] = ns
	}
	return ns
}

func (ns *namespace) foreign() bool { return apis.IsForeign(ns.labels) }

func (c NamespaceSeen) apply(x *Index) {
	ns := x.namespace(c.Namespace.Name)
	ns.listed = x.lists[Namespaces].number
	x.relabel(ns, c.Namespace.Labels, true)
}

func (c NamespaceGone) apply(x *Index) {
	if ns, ok := x.namespaces[c.Name]; ok {
		x.relabel(ns, nil, false)
		x.tx.emptied(ns)
	}
}

// relabel adds the namespace's pods to the groups whose namespace selector now selects it, and removes them from the groups
// whose selector no longer does.
func (x *Index) relabel(ns *namespace, labels map[string]string, seen bool) {
	var in, out []*set
	for s := range x.selecting {
		before := ns.seen && s.group.namespaces.Matches(ns.labels)
		after := seen && s.group.namespaces.Matches(labels)
		if after && !before {
			in = append(in, s)
		}
		if before && !after {
			out = append(out, s)
		}
	}
	ns.labels, ns.seen = labels, seen
	for _, s := range in {
		ns.groups.add(s.group.pods, s)
		for _, p := range ns.pods {
			x.enter(p, s, s.group.entriesOf(p))
		}
	}
	for _, s := range out {
		ns.groups.remove(s.group.pods, s)
		for _, p := range ns.pods {
			x.enter(p, s, nil)
		}
	}
	for p := range ns.local {
		x.await(p)
	}
	x.reclose()
}
