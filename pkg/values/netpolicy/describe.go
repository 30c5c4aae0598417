package netpolicy

import (
	"fmt"
	"strings"
)

// Lines returns the policy in words: whom it selects, and then each rule of the directions that it judges.
func (p Policy) Lines() []string {
	lines := []string{selects + orAll(p.Target)}
	if p.Audited != nil {
		lines[0] += audits + p.Audited.String()
	}
	for _, d := range []struct {
		name, peers string
		side        Side
	}{{"ingress", "from", p.Ingress}, {"egress", "to", p.Egress}} {
		if !d.side.Isolates {
			continue
		}
		if len(d.side.Rules) == 0 {
			lines = append(lines, d.name+": "+nothing)
		}
		for _, r := range d.side.Rules {
			lines = append(lines, fmt.Sprintf("%s: %s %s%s%s", d.name, d.peers, listed(r.AnyPeer, r.Peers), ports, listed(r.AnyPort, r.Ports)))
		}
	}
	return lines
}

// The words of a policy that ParseLines reads again.
const (
	selects = "selects pods "
	audits  = ", in mode Audit pods "
	nothing = "nothing"
	ports   = ", ports "
	anyOf   = "any"
	nobody  = "nobody"
	within  = " in namespaces "
	except  = " except "
	noPort  = "no port"
)

func listed[T fmt.Stringer](every bool, all []T) string {
	if every {
		return anyOf
	}
	texts := make([]string, len(all))
	for i, one := range all {
		texts[i] = one.String()
	}
	return strings.Join(texts, "; ")
}
