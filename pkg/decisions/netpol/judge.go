package netpol

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"data-space.liqo.io/pkg/values/ipset"
	"data-space.liqo.io/pkg/values/netpolicy"
)

// Packet is a packet that opens a connection, as the node's filter sees it: after DNAT and before SNAT.
type Packet struct {
	// From and To are of one family, and not IPv4 addresses in IPv6 form.
	From, To netip.Addr
	Protocol netpolicy.Protocol // or the name of another protocol
	Port     uint16             // destination
	Node     bool               // the sender is a process of this node
	ToNode   bool               // the receiver is a process of this node
}

// Verdict is the decision on a packet, with its reason.
type Verdict struct {
	Allowed bool
	// Egress is about the sender, Ingress about the receiver. The packet is allowed if both allow it.
	Egress, Ingress Finding
	Unknown         bool // refused: an address of the packet is closed because no known pod holds it
	// Audit has the directions that policies in mode Audit would refuse: Allowed does not depend on it.
	Audit []WouldRefuse
}

// Finding is one direction's part of a verdict.
type Finding struct {
	Pod     netpolicy.Key   // the pod that is evaluated; empty: no pod of this node
	Why     string          // why no pod is evaluated
	Chain   string          // the pod's chain; empty: no policy applies to this direction of the pod
	Allowed bool            // also true if no pod is evaluated
	Policy  netpolicy.Key   // the policy that allows it
	Rule    string          // its rule, as the kernel's comment names it
	Place   int             // index of the rule in its direction of the policy
	Against []netpolicy.Key // if no policy allows the packet: the policies that apply to the direction
}

// Allowed reports whether the filter allows a packet.
func (x *Index) Allowed(p Packet) bool {
	if x.unknown(p) {
		return false
	}
	for _, d := range directions() {
		pod := x.judged(d, p)
		if pod == nil || pod.chain(d) == nil {
			continue
		}
		if by, _ := x.allows(pod.chain(d), p); by == nil {
			return false
		}
	}
	return true
}

// Explain returns the verdict on a packet with its reasons.
func (x *Index) Explain(p Packet) Verdict {
	v := Verdict{Unknown: x.unknown(p), Egress: x.find(egress, p), Ingress: x.find(ingress, p)}
	if v.Allowed = !v.Unknown && v.Egress.Allowed && v.Ingress.Allowed; v.Allowed {
		v.Audit = x.Audit(p)
	}
	return v
}

// find decides one direction of a packet in the index, by the same clauses from which the kernel's rules are rendered.
func (x *Index) find(d direction, p Packet) Finding {
	pod := x.judged(d, p)
	if pod == nil {
		return Finding{Allowed: true, Why: x.whyNot(d, p)}
	}
	f := Finding{Pod: pod.Key, Allowed: true}
	t := pod.chain(d)
	if t == nil {
		return f
	}
	f.Chain = t.name
	by, clause := x.allows(t, p)
	if by != nil {
		f.Policy, f.Rule, f.Place = by.policy.Key, clause.comment(by), clause.rule
		return f
	}
	f.Allowed = false
	for _, c := range t.policies {
		f.Against = append(f.Against, c.policy.Key)
	}
	return f
}

// whyNot returns the reason why no pod is evaluated in a direction.
func (x *Index) whyNot(d direction, p Packet) string {
	pod := x.holder(d.end(p))
	switch {
	case pod == nil:
		return "no pod of this node"
	case !pod.local(x):
		return fmt.Sprintf("%s is on node %s, which judges it", pod.Key, pod.Node)
	case p.From == p.To:
		return fmt.Sprintf("%s always reaches itself", pod.Key)
	}
	return fmt.Sprintf("%s is always reached by its own node", pod.Key)
}

// end returns the packet's address of the pod that the direction evaluates.
func (d direction) end(p Packet) netip.Addr {
	if d == ingress {
		return p.To
	}
	return p.From
}

// judged returns the pod that the direction evaluates, nil if it is not a pod of this node. A pod always reaches itself, and a
// node always reaches its pods.
func (x *Index) judged(d direction, p Packet) *pod {
	pod := x.holder(d.end(p))
	if pod == nil || !pod.local(x) || p.From == p.To || d == ingress && p.Node {
		return nil
	}
	return pod
}

// allows returns the first policy, and its clause, that allows the packet.
func (x *Index) allows(t *targetChain, p Packet) (*policyChain, clause) {
	far := p.From
	if t.dir == egress {
		far = p.To
	}
	for _, c := range t.policies {
		for _, cl := range c.clauses {
			if cl.allows(far, p) {
				return c, cl
			}
		}
	}
	return nil, clause{}
}

// allows reports whether the clause matches a packet whose peer is far: the source for ingress, the destination for egress.
func (c clause) allows(far netip.Addr, p Packet) bool {
	if c.block != nil && !c.block.Contains(far) {
		return false
	}
	if c.members != nil {
		if _, in := c.members.entries[ipset.Address(far)]; !in {
			return false
		}
	}
	if c.named != nil {
		e := ipset.Address(p.To)
		e.Protocol, e.Port = string(p.Protocol), p.Port
		_, in := c.named.entries[e]
		return in
	}
	if c.protocol != "" && c.protocol != p.Protocol {
		return false
	}
	return len(c.ports) == 0 || slices.ContainsFunc(c.ports, func(r netpolicy.Port) bool {
		return r.First <= p.Port && p.Port <= r.Last
	})
}

// unknown reports whether an end of the packet is a closed address.
func (x *Index) unknown(p Packet) bool {
	ends := []netip.Addr{p.From, p.To}
	switch {
	case p.Node:
		ends = nil
	case p.ToNode:
		ends = ends[:1]
	}
	return slices.ContainsFunc(ends, func(ip netip.Addr) bool {
		if _, known := x.known.entries[ipset.Address(ip)]; known {
			return false
		}
		for e := range x.closed.entries {
			if e.Prefix.Contains(ip) {
				return true
			}
		}
		return false
	})
}

// String returns the verdict as text in one line.
func (v Verdict) String() string { return strings.Join(v.Lines(), "; ") }

// Lines returns the verdict as text, one line per direction.
func (v Verdict) Lines() []string {
	var parts []string
	if v.Unknown {
		parts = append(parts, "refused: no pod is known to have the address, and unknown addresses are closed here")
	}
	for _, d := range directions() {
		f := v.Egress
		if d == ingress {
			f = v.Ingress
		}
		parts = append(parts, f.describe(d))
	}
	for _, w := range v.Audit {
		parts = append(parts, w.describe())
	}
	return parts
}

func (f Finding) describe(d direction) string {
	switch {
	case f.Pod == netpolicy.Key{}:
		return fmt.Sprintf("%s: not judged here (%s)", d, f.Why)
	case f.Chain == "":
		return fmt.Sprintf("%s of %s: allowed, no policy judges it", d, f.Pod)
	case f.Allowed:
		return fmt.Sprintf("%s of %s: allowed by %q in %s", d, f.Pod, f.Rule, f.Chain)
	}
	names := make([]string, len(f.Against))
	for i, k := range f.Against {
		names[i] = k.String()
	}
	return fmt.Sprintf("%s of %s: refused, none of its policies allows it (%s) in %s", d, f.Pod, strings.Join(names, ", "), f.Chain)
}
