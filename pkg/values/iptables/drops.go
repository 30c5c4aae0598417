package iptables

// Drops is how many packets rules have dropped or rejected, by the rules' names.
type Drops map[string]uint64

// Drops returns the counts of all rules that have a name and drop or reject.
func (s Saved) Drops() Drops {
	counts := Drops{}
	for _, t := range s.Tables {
		for _, c := range t.Chains {
			for _, r := range c.Rules {
				if r.Drops() {
					counts[r.Comment] += r.Count.Packets
				}
			}
		}
	}
	return counts
}

// Drops reports whether the rule has a name and drops or rejects.
func (r SavedRule) Drops() bool {
	return r.Comment != "" && (r.Target == string(Drop) || r.Target == "REJECT")
}

// Of returns the counts of those names that others has.
func (d Drops) Of(others Drops) Drops {
	counts := Drops{}
	for name := range others {
		counts[name] = d[name]
	}
	return counts
}

// Since returns by how much the counts are greater than before. A count that is smaller began again at zero.
func (d Drops) Since(before Drops) Drops {
	more := Drops{}
	for name, n := range d {
		if was := before[name]; was <= n {
			n -= was
		}
		if n > 0 {
			more[name] = n
		}
	}
	return more
}

// Plus returns the sums of both.
func (d Drops) Plus(more Drops) Drops {
	sums := Drops{}
	for _, counts := range []Drops{d, more} {
		for name, n := range counts {
			sums[name] += n
		}
	}
	return sums
}
