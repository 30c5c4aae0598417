package nodepolicy

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"data-space.liqo.io/pkg/decisions/netpol"
	"data-space.liqo.io/pkg/effects/nodefilter"
	"data-space.liqo.io/pkg/values/fact"
	"data-space.liqo.io/pkg/values/netpolicy"
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

// mostFound bounds how many policies that were there before an agent started are recorded.
const mostFound = 200

// recordChanges records the changes of policies with their rules in words, and, when the agent starts, those that are there.
func (p *Policies) recordChanges(changes []netpol.Change) {
	for _, c := range changes {
		switch c := c.(type) {
		case netpol.PolicySeen:
			reason := "Applied"
			if !p.told.Load() {
				if p.found++; p.found > mostFound {
					continue
				}
				reason = "Found"
			}
			p.emit(policyFact(reason, c.Policy.Key, described(c.Policy)))
		case netpol.PolicyGone:
			p.emit(policyFact("Deleted", c.Key, map[string]string{"name": c.Key.String()}))
		}
	}
}

func policyFact(reason string, k netpolicy.Key, details map[string]string) fact.Fact {
	return fact.Fact{Kind: fact.PolicyChanged, Reason: reason, Subject: fact.Subject{Namespace: k.Namespace}, Message: "NetworkPolicy " + k.String(), Details: details}
}

// described returns the rules of a policy in words, as parts that fit into details, and the hash of all of them.
func described(policy netpolicy.Policy) map[string]string {
	text := strings.Join(policy.Lines(), " | ")
	sum := sha256.Sum256([]byte(text))
	details := map[string]string{"name": policy.String(), "sha256": hex.EncodeToString(sum[:])}
	const part = 1000
	for _, name := range []string{"rules", "rules2", "rules3", "rules4"} {
		if n := min(part, len(text)); n > 0 {
			details[name], text = text[:n], text[n:]
		}
	}
	if text != "" {
		details["cut"] = strconv.Itoa(len(text))
	}
	return details
}
