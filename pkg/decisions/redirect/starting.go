package redirect

import "data-space.liqo.io/pkg/values/iptables"

// Shut returns rulesets by which nothing passes at all: for a pod in which nothing runs yet. They are written in no time.
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

// Prepared returns Shut with all that does not depend on the proxy's container, so that only filter is to be written when
// that starts.
func Prepared(s Settings) []iptables.Ruleset {
	sets := Plan(s, Proxy{})
	for i, shut := range Shut(s) {
		sets[i].Tables[0] = shut.Tables[0]
	}
	return sets
}
