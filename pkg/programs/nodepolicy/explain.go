package nodepolicy

import (
	"context"
	"fmt"
	"strings"

	"data-space.liqo.io/pkg/decisions/netpol"
	"data-space.liqo.io/pkg/effects/policywatch"
	"data-space.liqo.io/pkg/values/agentapi"
	"data-space.liqo.io/pkg/values/netpolicy"
)

// Explain returns the verdict of the policies on a connection. The kernel holds these policies once they are in force.
func (p *Policies) Explain(ctx context.Context, q agentapi.Question) (agentapi.Explanation, error) {
	v, err := p.sight.Explain(netpol.Packet{From: q.From, To: q.To, Protocol: q.Protocol, Port: q.Port})
	if err != nil {
		return agentapi.Explanation{}, err
	}
	e := agentapi.Explanation{
		Node: p.Node, Allowed: v.Allowed, Unknown: v.Unknown, Egress: side(v.Egress), Ingress: side(v.Ingress), InForce: p.Ready(),
	}
	lines := v.Lines()
	e.Egress.Reason = p.reason(ctx, v.Egress, func(r policywatch.Reasons) []string { return r.Egress })
	e.Ingress.Reason = p.reason(ctx, v.Ingress, func(r policywatch.Reasons) []string { return r.Ingress })
	for _, s := range []agentapi.Side{e.Egress, e.Ingress} {
		if s.Reason != "" {
			lines = append(lines, fmt.Sprintf("why %s has the rule: %s", s.Policy, s.Reason))
		}
	}
	e.Text = strings.Join(lines, "\n")
	return e, nil
}

// reason asks why a policy has the rule that decided.
func (p *Policies) reason(ctx context.Context, f netpol.Finding, of func(policywatch.Reasons) []string) string {
	if f.Policy == (netpolicy.Key{}) {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, asking)
	defer cancel()
	reasons, err := p.cluster.Reasons(ctx, f.Policy)
	if err != nil {
		return fmt.Sprintf("not known: %v", err)
	}
	if lines := of(reasons); f.Place < len(lines) {
		return lines[f.Place]
	}
	return ""
}

func side(f netpol.Finding) agentapi.Side {
	s := agentapi.Side{Allowed: f.Allowed, Rule: f.Rule, Chain: f.Chain}
	if f.Pod != (netpolicy.Key{}) {
		s.Pod = f.Pod.String()
	}
	if f.Policy != (netpolicy.Key{}) {
		s.Policy = f.Policy.String()
	}
	for _, k := range f.Against {
		s.Against = append(s.Against, k.String())
	}
	return s
}
