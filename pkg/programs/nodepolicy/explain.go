package nodepolicy

import (
	"strings"

	"data-space.liqo.io/pkg/decisions/netpol"
	"data-space.liqo.io/pkg/values/agentapi"
	"data-space.liqo.io/pkg/values/netpolicy"
)

// Explain says what becomes of a connection. It tells what policies say, which the kernel holds once they are in force.
func (p *Policies) Explain(q agentapi.Question) (agentapi.Explanation, error) {
	v, err := p.sight.Explain(netpol.Packet{From: q.From, To: q.To, Protocol: q.Protocol, Port: q.Port})
	if err != nil {
		return agentapi.Explanation{}, err
	}
	return agentapi.Explanation{
		Node: p.Node, Allowed: v.Allowed, Unknown: v.Unknown, Egress: side(v.Egress), Ingress: side(v.Ingress), Text: strings.Join(v.Lines(), "\n"), InForce: p.Ready(),
	}, nil
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
