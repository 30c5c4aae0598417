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

// Index is the cluster as one node's filter sees it, and what the filter must hold. Not safe for concurrent use.
type Index struct {
	settings   Settings
	namespaces map[string]*namespace
	holders    map[netip.Addr]*pod   // who has the address
	claims     map[netip.Addr][]*pod // who says it has the address, where there are several; the first has it
	waiting    map[*pod]struct{}     // foreign pods of this node without an address

	sets      map[string]*set   // by group key, or by what else makes them
	broad     byLabel[*set]     // groups that are about all namespaces
	selecting map[*set]struct{} // groups with a namespace selector
	isolated  *set              // addresses of this node's pods that some policy selects
	known     *set              // addresses of this node's pods
	closed    *set              // prefixes whose unknown addresses are closed

	targets  map[string]*targetChain
	policies map[string]*policyChain
	tree     [2]map[iptables.Family]*tree

	audits   int // policies in mode Audit
	lists    [kinds]listing
	rendered map[iptables.Family]map[string][]iptables.Rule // what the kernel holds, own chains
	tx       *transaction
}

// namespace is what the index knows of one namespace.
type namespace struct {
	name     string
	labels   map[string]string
	seen     bool   // the object itself was; a pod or a policy may come first
	listed   uint32 // see listing
	pods     map[string]*pod
	local    map[*pod]struct{}
	policies map[string]*policy
	targets  byLabel[*policy] // by target selector
	audited  byLabel[*policy] // by what they would select, those in mode Audit
	groups   byLabel[*set]    // groups about this namespace, or whose namespace selector selects it
}

// pod is a pod with what follows for it. There are as many as the cluster has: what only this node's pods need is apart.
type pod struct {
	netpolicy.Pod
	ns     *namespace
	gone   bool
	listed uint32       // see listing
	ips    []netip.Addr // what it holds: of two that claim an address one has it
	sets   map[*set][]ipset.Entry
	here   *here // nil: never was of this node
}

// here is what follows for a pod of this node.
type here struct {
	early []netip.Addr // what it was told to have before the API told
	chain [2]*targetChain
	leafs []netip.Addr // of its ips, those that the trees lead to its chains
}

// chain is the chain that judges the pod in the direction; nil: no policy does.
func (p *pod) chain(d direction) *targetChain {
	if p.here == nil {
		return nil
	}
	return p.here.chain[d]
}

// policy is a policy with what follows for it.
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

// New returns an index of an empty cluster. Its State denies nobody anything.
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

// Apply takes note of changes, in order, and returns what changes in the kernel. Changes given together are written
// together: the world between them is never enforced.
func (x *Index) Apply(changes ...Change) Delta {
	x.begin(len(changes) == 1 && single(changes[0]))
	for _, c := range changes {
		c.apply(x)
	}
	return x.commit()
}

// State is everything that the kernel must hold now.
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

// relabel moves the namespace's pods in and out of the groups whose namespace selector now judges it otherwise.
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
