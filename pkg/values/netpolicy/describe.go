package netpolicy

import (
	"fmt"
	"strings"
)

// Lines returns the policy in words: whom it selects, and then each rule of the directions that it judges.
func (p Policy) Lines() []string {
	lines := []string{"selects pods " + p.Target.String()}
	if p.Audited != nil {
		lines[0] += ", in mode Audit pods " + p.Audited.String()
	}
	for _, d := range []struct {
		name, peers string
		side        Side
	}{{"ingress", "from", p.Ingress}, {"egress", "to", p.Egress}} {
		if !d.side.Isolates {
			continue
		}
		if len(d.side.Rules) == 0 {
			lines = append(lines, d.name+": nothing")
		}
		for _, r := range d.side.Rules {
			lines = append(lines, fmt.Sprintf("%s: %s %s, ports %s", d.name, d.peers, listed(r.AnyPeer, r.Peers), listed(r.AnyPort, r.Ports)))
		}
	}
	return lines
}

func listed[T fmt.Stringer](every bool, all []T) string {
	if every {
		return "any"
	}
	texts := make([]string, len(all))
	for i, one := range all {
		texts[i] = one.String()
	}
	return strings.Join(texts, "; ")
}
