package netpol

import (
	"net/netip"

	"data-space.liqo.io/pkg/values/ipset"
	"data-space.liqo.io/pkg/values/iptables"
	"data-space.liqo.io/pkg/values/netpolicy"
)

// Change is one change in the cluster: one of the types below.
type Change interface {
	// apply updates the index and adds the touched objects to the index's transaction, which must be open.
	apply(x *Index)
}

// PodSeen reports a pod that was added or changed.
type PodSeen struct{ Pod netpolicy.Pod }

// AddressSeen reports the addresses of a pod of this node before the API server does: the CNI plugin knows them first. They
// are used until the pod's status has addresses.
type AddressSeen struct {
	Key netpolicy.Key
	IPs []netip.Addr
}

// RangesSeen reports the prefixes from which this node's pods get their addresses.
type RangesSeen struct{ PodCIDRs []netip.Prefix }

// PodGone reports a pod that was deleted.
type PodGone struct{ Key netpolicy.Key }

// NamespaceSeen reports a namespace that was added or whose labels changed.
type NamespaceSeen struct{ Namespace netpolicy.Namespace }

// NamespaceGone reports a namespace that was deleted.
type NamespaceGone struct{ Name string }

// PolicySeen reports a policy that was added or changed.
type PolicySeen struct{ Policy netpolicy.Policy }

// PolicyGone reports a policy that was deleted.
type PolicyGone struct{ Key netpolicy.Key }

// Delta is a change of the kernel's state. If it is written in the order Before, Chains, After, then at every moment a packet
// that both the old and the new policies allow is allowed, and a packet that neither allows is refused. The two families are
// independent of each other.
type Delta struct {
	// Before deletes the entries of addresses that no pod has any more, creates sets, and adds entries of pods that are known already.
	Before []ipset.Op
	// Chains has at most one entry per family. Each is one transaction of the kernel.
	Chains []ChainDelta
	// After adds the entries of new addresses, deletes those that pods leave, and destroys sets that no rule uses any more.
	After []ipset.Op
	Judge bool // existing connections may no longer be allowed: the caller must evaluate them again
}

// ChainDelta is the change of one family's filter table, in one transaction.
type ChainDelta struct {
	Family  iptables.Family
	Changed []iptables.Chain // own chains with their new rules, sorted by name
	Gone    []string         // own chains that no rule jumps to any more, sorted
}

// Empty reports whether there is nothing to write.
func (d Delta) Empty() bool { return len(d.Before) == 0 && len(d.Chains) == 0 && len(d.After) == 0 }

// State is the complete state that the kernel must hold for one family.
type State struct {
	Family iptables.Family
	Sets   []ipset.Set      // sorted by name, entries sorted
	Chains []iptables.Chain // own chains of the filter table, sorted by name
	Hooks  []Hook
}

// Hook is a jump that must be the first rule of a built-in chain.
type Hook struct{ Chain, Target string }

// Hooks returns the jumps to the own chains. Packets from the node itself to its pods pass OUTPUT and are never filtered.
func Hooks() []Hook {
	return []Hook{{"FORWARD", chainForward}, {"INPUT", chainInput}}
}
