package nodepolicy

import (
	"fmt"

	"data-space.liqo.io/pkg/decisions/netpol"
	"data-space.liqo.io/pkg/effects/nodefilter"
	"data-space.liqo.io/pkg/values/fact"
)

// recordInForce records that NetworkPolicy is in force from now on.
func (p *Policies) recordInForce(s netpol.Summary) {
	p.emit(fact.Fact{Kind: fact.PolicyInForce, Message: fmt.Sprintf("NetworkPolicy is in force: %d of %d policies select %d pods of this node", s.PoliciesOn, s.Policies, s.Isolated)})
}

// recordRefused records how many packets were refused since the last look, by reason.
func (p *Policies) recordRefused(more []nodefilter.Refused) {
	for _, r := range more {
		p.emit(fact.Fact{
			Kind: fact.PacketsRefused, Reason: string(r.Reason), Count: int64(min(r.Packets, 1<<62)),
			Message: "packets that NetworkPolicy does not allow were refused", Details: map[string]string{"family": string(r.Family)},
		})
	}
}

// recordChanges records the changes of policies.
func (p *Policies) recordChanges(changes []netpol.Change) {
	if !p.told.Load() {
		return // the first list
	}
	for _, c := range changes {
		switch c := c.(type) {
		case netpol.PolicySeen:
			p.emit(fact.Fact{Kind: fact.PolicyChanged, Reason: "Applied", Subject: fact.Subject{Namespace: c.Policy.Namespace}, Message: "NetworkPolicy " + c.Policy.String()})
		case netpol.PolicyGone:
			p.emit(fact.Fact{Kind: fact.PolicyChanged, Reason: "Deleted", Subject: fact.Subject{Namespace: c.Key.Namespace}, Message: "NetworkPolicy " + c.Key.String()})
		}
	}
}
