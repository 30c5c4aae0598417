package agentapi

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"

	"data-space.liqo.io/pkg/values/netpolicy"
)

// Question is a connection about which the agent is asked.
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

// Values returns the URL query that ParseQuestion reads.
func (q Question) Values() url.Values {
	return url.Values{
		"from": {q.From.String()}, "to": {q.To.String()}, "protocol": {string(q.Protocol)}, "port": {strconv.Itoa(int(q.Port))},
	}
}
