package nodepolicy

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"data-space.liqo.io/pkg/decisions/netpol"
	"data-space.liqo.io/pkg/values/netpolicy"
)

// Question is a connection that somebody might open.
type Question struct {
	From, To netip.Addr
	Protocol netpolicy.Protocol
	Port     uint16
}

// ParseQuestion reads a question. The errors name what is wrong by the flags of "agent explain".
func ParseQuestion(v url.Values) (Question, error) {
	var q Question
	var problems []error
	for name, to := range map[string]*netip.Addr{"from": &q.From, "to": &q.To} {
		ip, err := netip.ParseAddr(v.Get(name))
		if err != nil || ip.Zone() != "" {
			problems = append(problems, fmt.Errorf("--%s=%q: not an IP address; give one", name, v.Get(name)))
			continue
		}
		*to = ip.Unmap()
	}
	if len(problems) == 0 && q.From.Is4() != q.To.Is4() {
		problems = append(problems, fmt.Errorf("--from=%s --to=%s: one is IPv4 and the other IPv6", q.From, q.To))
	}
	q.Protocol = netpolicy.Protocol(v.Get("protocol"))
	switch q.Protocol {
	case netpolicy.TCP, netpolicy.UDP, netpolicy.SCTP:
		port, err := strconv.ParseUint(v.Get("port"), 10, 16)
		if err != nil || port == 0 {
			problems = append(problems, fmt.Errorf("--port=%q: give the destination's port, 1 to 65535", v.Get("port")))
		}
		q.Port = uint16(port)
	case "icmp":
	default:
		problems = append(problems, fmt.Errorf("--protocol=%q: unknown; give tcp, udp, sctp or icmp", v.Get("protocol")))
	}
	return q, errors.Join(problems...)
}

// Values are what ParseQuestion reads.
func (q Question) Values() url.Values {
	return url.Values{
		"from": {q.From.String()}, "to": {q.To.String()}, "protocol": {string(q.Protocol)}, "port": {strconv.Itoa(int(q.Port))},
	}
}

// Explanation is what becomes of a connection on this node, and why.
type Explanation struct {
	Node    string `json:"node"`
	Allowed bool   `json:"allowed"`
	Unknown bool   `json:"unknownAddress,omitempty"` // an end of it is an address that no known pod holds, and such are closed
	Egress  Side   `json:"egress"`
	Ingress Side   `json:"ingress"`
	Text    string `json:"text"`    // both in words, each in a line
	InForce bool   `json:"inForce"` // otherwise the kernel does not hold it yet
}

// Side is one direction of a connection.
type Side struct {
	Pod     string   `json:"pod,omitempty"` // whose direction it is; empty: it is not judged on this node
	Allowed bool     `json:"allowed"`
	Policy  string   `json:"policy,omitempty"`  // that allows it
	Rule    string   `json:"rule,omitempty"`    // of that policy
	Against []string `json:"against,omitempty"` // the policies that select the pod, where none of them allows it
	Chain   string   `json:"chain,omitempty"`   // that decides in the kernel; empty: no policy judges this direction of the pod
}

// Explain says what becomes of a connection. It tells what policies say, which the kernel holds once they are in force.
func (p *Policies) Explain(q Question) (Explanation, error) {
	v, err := p.sight.Explain(netpol.Packet{From: q.From, To: q.To, Protocol: q.Protocol, Port: q.Port})
	if err != nil {
		return Explanation{}, err
	}
	return Explanation{
		Node: p.Node, Allowed: v.Allowed, Unknown: v.Unknown, Egress: side(v.Egress), Ingress: side(v.Ingress), Text: strings.Join(v.Lines(), "\n"), InForce: p.Ready(),
	}, nil
}

func side(f netpol.Finding) Side {
	s := Side{Allowed: f.Allowed, Rule: f.Rule, Chain: f.Chain}
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

// PrintExplanation writes an explanation for people.
func PrintExplanation(w io.Writer, e Explanation) error {
	verdict := "allowed"
	if !e.Allowed {
		verdict = "refused"
	}
	_, err := fmt.Fprintf(w, "%s on node %s\n%s\n", verdict, e.Node, e.Text)
	if !e.InForce {
		fmt.Fprintln(w, "but the kernel does not hold it yet: policies are not in force")
	}
	return err
}
