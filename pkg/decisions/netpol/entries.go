package netpol

import (
	"net/netip"

	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/ipset"
	"data-space.liqo.io/pkg/values/netpolicy"
)

// Kind is one of the kinds of objects that the index follows.
type Kind int

// The kinds.
const (
	Pods Kind = iota
	Namespaces
	Policies
	kinds
)

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

func (ns *namespace) foreign() bool { return apis.IsForeign(ns.labels) }

// policyChain is the chain of one direction of one policy, for pods in which the policy's named ports have the same numbers.
type policyChain struct {
	name     string
	dir      direction
	policy   *policy
	resolved []netpolicy.NamedPort // ingress: the numbers of the policy's named ports in these pods
	clauses  []clause
	targets  int
}

// targetChain is the chain of one direction for the pods that the same policies select.
type targetChain struct {
	name     string
	dir      direction
	policies []*policyChain
	pods     int
}

// listing is the state of the lists of one kind.
type listing struct {
	complete bool   // a list ended
	number   uint32 // number of the list; an object has the number of the last list or event that contained it
	pending  together
	touched  map[netpolicy.Key]struct{} // keys of pending
}

// clause is the intermediate form between a policy's rule and an iptables rule: it allows one peer on one group of ports.
type clause struct {
	rule, peer int // indexes in the policy; peer -1: every peer

	// The peer. Every field that is set must match.
	members *set             // the peer's address is in this set
	block   *netpolicy.Block // the peer's address is in this CIDR
	except  *set             // the peer's address is not in this set

	// The ports.
	protocol netpolicy.Protocol // "": any
	ports    []netpolicy.Port   // numbers of that protocol; empty: every port
	named    *set               // the destination's address and port are in this set

	text string // describes the peer in the rule's comment
}
