package redirect

import (
	"slices"
	"strings"

	"data-space.liqo.io/pkg/values/iptables"
)

const (
	// DropGroup is the NFLOG group, of the pod's network namespace, that packets are logged to before they are dropped. A process needs CAP_NET_ADMIN
	// to listen to it.
	DropGroup uint16 = 1303
	// DropsPerSecond is how many packets a second are logged of each rule that drops; five more at once. Each rule has a limit of its own: a flood
	// that one rule drops takes nothing from the others, nor from those of other pods.
	DropsPerSecond = 5
)

// logged puts a rule that logs before each rule, if packets are to be logged. The log names the rule that drops.
func (p planner) logged(drops []iptables.Rule) []iptables.Rule {
	if !p.log {
		return drops
	}
	var rules []iptables.Rule
	for _, drop := range drops {
		log := rule("log-"+strings.TrimPrefix(drop.Comment, "ds-"), "Its destination becomes a fact.",
			append(slices.Clone(drop.Matches), iptables.Limit{PerSecond: DropsPerSecond}), iptables.NFLog{Prefix: drop.Comment, Group: DropGroup})
		rules = append(rules, log, drop)
	}
	return rules
}
