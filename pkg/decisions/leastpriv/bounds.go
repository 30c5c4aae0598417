package leastpriv

import (
	"math"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A guest chooses how many pods it has, what they mention, and the ports of its Services. These are bounds of each namespace of a guest.
const (
	// workInSpace is how many names, peers and ports are followed for the workloads of a namespace, in both directions.
	workInSpace = 30_000
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
