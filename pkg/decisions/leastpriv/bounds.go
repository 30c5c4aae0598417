package leastpriv

import (
	"cmp"
	"math"
	"slices"

	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A guest chooses how many pods it has, what they mention, and the ports of its Services. These are bounds of each namespace of a guest.
const (
	// workInSpace is how many names, peers and ports are followed for the workloads of a namespace, in both directions.
	workInSpace = 30_000
	// addressesInSpace is how many addresses of EndpointSlices in a namespace are followed.
	addressesInSpace = 5000
	// lookedAtOnce is how many addresses, or workloads that a peer may select, cost as much as a name.
	lookedAtOnce = 500
	// writtenInSpace is how many bytes of peers the policies of a namespace have.
	writtenInSpace = 4 << 20
	// policyOverhead is what a policy has beside its peers and selectors.
	policyOverhead = 1 << 10
)

// findingsLimit is how many findings of one workload are kept; an Event shows fewer.
const findingsLimit = 50

// affords reports whether some more may be followed for a workload. The first time that it may not, that is a finding.
func (p *plan) affords(w *Workload, cost int) bool {
	if !p.Namespaces[w.Namespace].foreign() {
		return true
	}
	if p.work[w.Namespace]+cost > workInSpace {
		if !p.poor[w] {
			p.poor[w] = true
			p.find(w, "the workloads of its namespace mention more peers and ports than are followed for one namespace of a guest: some of what it mentions is not followed")
		}
		return false
	}
	p.work[w.Namespace] += cost
	return true
}

// room is how many bytes of peers another policy of a namespace may have.
func (p *plan) room(namespace string) int {
	if !p.Namespaces[namespace].foreign() {
		return math.MaxInt
	}
	return max(0, writtenInSpace-p.written[namespace])
}

// admitted reports whether there is room for the policy of a workload, and takes the room for what is not a peer of it.
func (p *plan) admitted(w *Workload) bool {
	const copies = 4 // the policy's selector, its pods as peers in both directions, and the reasons for these
	size := policyOverhead + copies*len(metav1.FormatLabelSelector(w.Selector))
	if size > p.room(w.Namespace) {
		p.find(w, "it has no policy of its own and its pods stay closed: the policies of this namespace of a guest have more than %d bytes", writtenInSpace)
		return false
	}
	p.written[w.Namespace] += size
	return true
}

// BoundedSlices returns the EndpointSlices that are followed: of a guest's namespace the first ones by name, as far as their addresses are not too many.
func (w World) BoundedSlices(all []*discoveryv1.EndpointSlice) []*discoveryv1.EndpointSlice {
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b *discoveryv1.EndpointSlice) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	taken := map[string]int{}
	return slices.DeleteFunc(all, func(s *discoveryv1.EndpointSlice) bool {
		if !w.Namespaces[s.Namespace].foreign() {
			return false
		}
		size := addressesOf(s)
		if taken[s.Namespace]+size > addressesInSpace {
			return true
		}
		taken[s.Namespace] += size
		return false
	})
}

func addressesOf(s *discoveryv1.EndpointSlice) int {
	n := 0
	for _, e := range s.Endpoints {
		n += len(e.Addresses)
	}
	return n
}

// cost is what it takes to find what a name stands for.
func (p *plan) cost(name Name) int {
	n := 0
	for _, s := range p.slices[key{name.Namespace, name.Service}] {
		n += addressesOf(s)
	}
	return 1 + n/lookedAtOnce
}
