package nodefilter

import (
	"cmp"
	"slices"

	"data-space.liqo.io/pkg/decisions/netpol"
	"data-space.liqo.io/pkg/values/iptables"
)

// Refused is how many packets were refused for one reason.
type Refused struct {
	Family  iptables.Family `json:"family"`
	Reason  netpol.Reason   `json:"reason"`
	Packets uint64          `json:"packets"`
}

// count notes the counts of the refusing rules.
func (f *Filter) count(family iptables.Family, table iptables.SavedTable) {
	counts := map[netpol.Reason]uint64{}
	for _, c := range table.Chains {
		reason, refuses := netpol.Refuses(c.Name)
		if !refuses {
			continue
		}
		counts[reason] = 0
		for _, r := range c.Rules {
			if r.Target == string(netpol.Reject) || r.Target == string(netpol.Drop) {
				counts[reason] += r.Count.Packets
			}
		}
	}
	f.counting.Lock()
	defer f.counting.Unlock()
	f.counts[family] = counts
}

// Refused returns the packets that were refused, as counted when the filter was last read.
func (f *Filter) Refused() []Refused {
	f.counting.Lock()
	defer f.counting.Unlock()
	var out []Refused
	for family, counts := range f.counts {
		for reason, n := range counts {
			out = append(out, Refused{Family: family, Reason: reason, Packets: n})
		}
	}
	slices.SortFunc(out, func(a, b Refused) int {
		return cmp.Or(cmp.Compare(a.Family, b.Family), cmp.Compare(a.Reason, b.Reason))
	})
	return out
}
