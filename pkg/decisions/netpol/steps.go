package netpol

import (
	"cmp"
	"slices"

	"data-space.liqo.io/pkg/values/ipset"
	"data-space.liqo.io/pkg/values/iptables"
)

// maxTransactions is the limit of transactions of chains that Steps returns before the last one. Each transaction costs the
// kernel a grace period, independent of its size.
const maxTransactions = 4

// Steps applies changes in order and returns the Deltas that enforce them, to be written one after another. Between the
// Deltas the kernel holds a state that the cluster had between the changes. Changes share a Delta if no packet depends
// on both. Changes beyond maxTransactions share one Delta, as in Apply.
func (x *Index) Steps(changes ...Change) []Delta {
	var done []Delta
	var now segment
	transactions := 0
	for i, c := range changes {
		if transactions >= maxTransactions {
			return append(now.flush(done), x.Apply(changes[i:]...))
		}
		x.begin(single(c))
		c.apply(x)
		delta, effect := x.commitWith(true)
		if delta.Empty() && !delta.Judge {
			continue
		}
		if now.effect.conflicts(effect) {
			done = now.flush(done)
			now = segment{}
		}
		chains := len(now.chains) > 0
		now.add(delta, effect)
		if !chains && len(now.chains) > 0 {
			transactions++
		}
	}
	return now.flush(done)
}

// segment is a Delta to which changes are added.
type segment struct {
	effect        effect
	before, after []ipset.Op
	chains        map[iptables.Family]map[string]content
	judge         bool
}

// content is the new content of a chain.
type content struct {
	rules []iptables.Rule
	gone  bool
}

func (s *segment) add(d Delta, e effect) {
	s.effect.add(e)
	s.before, s.after, s.judge = append(s.before, d.Before...), append(s.after, d.After...), s.judge || d.Judge
	for _, c := range d.Chains {
		if s.chains == nil {
			s.chains = map[iptables.Family]map[string]content{}
		}
		if s.chains[c.Family] == nil {
			s.chains[c.Family] = map[string]content{}
		}
		for _, chain := range c.Changed {
			s.chains[c.Family][chain.Name] = content{rules: chain.Rules}
		}
		for _, name := range c.Gone {
			s.chains[c.Family][name] = content{gone: true}
		}
	}
}

// flush appends the segment's Delta unless it is empty.
func (s *segment) flush(done []Delta) []Delta {
	d := Delta{Before: s.before, After: s.after, Judge: s.judge}
	for _, f := range []iptables.Family{iptables.V4, iptables.V6} {
		chains, touched := s.chains[f]
		if !touched {
			continue
		}
		c := ChainDelta{Family: f}
		for name, content := range chains {
			if content.gone {
				c.Gone = append(c.Gone, name)
				continue
			}
			c.Changed = append(c.Changed, iptables.Chain{Name: name, Policy: iptables.NoPolicy, Rules: content.rules})
		}
		slices.SortFunc(c.Changed, func(a, b iptables.Chain) int { return cmp.Compare(a.Name, b.Name) })
		slices.Sort(c.Gone)
		d.Chains = append(d.Chains, c)
	}
	if d.Empty() && !d.Judge {
		return done
	}
	return append(done, d)
}
