package redirect

import "data-space.liqo.io/pkg/values/iptables"

// Shut returns rulesets by which nothing passes at all: for a pod in which nothing runs yet. They are written in no time, and
// filled by Opening. Having no rule they are not sealed: they are for a namespace that holds nothing yet.
func Shut(s Settings) []iptables.Ruleset {
	sets := Closed(s)
	for _, set := range sets {
		chains := set.Tables[0].Chains
		for i := range chains {
			chains[i].Rules = nil
		}
	}
	return sets
}

// Opening returns filter of Plan: what a shut pod needs before its proxy may run. Without the other tables nothing is led to
// the proxy, so that it is dropped.
func Opening(s Settings, p Proxy) []iptables.Ruleset {
	sets := Plan(s, p)
	for i := range sets {
		sets[i].Tables = sets[i].Tables[:1]
	}
	return sets
}

// All returns what a foreign pod holds in the course of its life, the most demanding first: what the kernel can hold of it,
// it should be asked before the first pod comes.
func All(s Settings) [][]iptables.Ruleset {
	return [][]iptables.Ruleset{Plan(s, Proxy{Cgroup: "/", Pod: "//"}), Plan(s, Proxy{}), Shut(s)}
}
