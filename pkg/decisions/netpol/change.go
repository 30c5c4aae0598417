package netpol

import (
	"net/netip"

	"data-space.liqo.io/pkg/values/ipset"
	"data-space.liqo.io/pkg/values/iptables"
	"data-space.liqo.io/pkg/values/netpolicy"
)

// Change is one thing that happened in the cluster: one of the types below.
type Change interface {
	// apply notes the change in the index and what it touches in the index's transaction, which must have begun.
	apply(x *Index)
}

// PodSeen tells of a pod that was added or changed.
type PodSeen struct{ Pod netpolicy.Pod }

// AddressSeen tells the addresses of a pod of this node before the API does: whoever makes a pod's network knows them
// first. They count until the API tells some.
type AddressSeen struct {
	Key netpolicy.Key
	IPs []netip.Addr
}

// RangesSeen tells where this node's pods get their addresses.
type RangesSeen struct{ PodCIDRs []netip.Prefix }

// PodGone tells of a pod that was deleted.
type PodGone struct{ Key netpolicy.Key }

// NamespaceSeen tells of a namespace that was added or relabelled.
type NamespaceSeen struct{ Namespace netpolicy.Namespace }

// NamespaceGone tells of a namespace that was deleted.
type NamespaceGone struct{ Name string }

// PolicySeen tells of a policy that was added or changed.
type PolicySeen struct{ Policy netpolicy.Policy }

// PolicyGone tells of a policy that was deleted.
type PolicyGone struct{ Key netpolicy.Key }

// Delta is what changes in the kernel. Written in the order Before, Chains, After, no packet that both the old and the
// new policies allow is refused at any moment, and none passes that neither allows. Families do not wait for each other.
type Delta struct {
	Before []ipset.Op
	Chains []ChainDelta // at most one per family
	After  []ipset.Op
	Judge  bool // connections that were allowed may not be any more: look at those that exist
}

// ChainDelta is what changes in one family's filter table, in one transaction.
type ChainDelta struct {
	Family  iptables.Family
	Changed []iptables.Chain // own chains with their new rules, sorted by name
	Gone    []string         // own chains that nothing calls any more, sorted
}

// Empty reports whether there is nothing to write.
func (d Delta) Empty() bool { return len(d.Before) == 0 && len(d.Chains) == 0 && len(d.After) == 0 }

// State is everything that the kernel must hold, one per family.
type State struct {
	Family iptables.Family
	Sets   []ipset.Set      // sorted by name, entries sorted
	Chains []iptables.Chain // own chains of the filter table, sorted by name
	Hooks  []Hook
}

// Hook is a jump that must be the first rule of a built-in chain.
type Hook struct{ Chain, Target string }

// Hooks are the jumps to the own chains. A node's own packets to its pods pass OUTPUT and are nobody's business.
func Hooks() []Hook {
	return []Hook{{"FORWARD", chainForward}, {"INPUT", chainInput}}
}
