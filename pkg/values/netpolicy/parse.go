package netpolicy

import (
	"encoding/json"
	"net/netip"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation/field"
	utilnet "k8s.io/utils/net"

	"data-space.liqo.io/pkg/values/apis"
)

// PolicyOf reads a policy. The policy is always usable: what was not understood allows nothing, and every such place is
// in the list with its path. A target that is not understood is everything in the namespace: closed, not open.
func PolicyOf(p *networkingv1.NetworkPolicy) (Policy, field.ErrorList) {
	r := reader{}
	spec := field.NewPath("spec")
	out := Policy{Key: Key{p.Namespace, p.Name}}
	var err error
	if out.Target, err = selectorOf(&p.Spec.PodSelector); err != nil {
		r.problem(field.Invalid(spec.Child("podSelector"), p.Spec.PodSelector, err.Error()+"; all pods of the namespace are closed instead"))
		out.Target = Everything()
	}
	out.Audited = audited(p, out.Target)
	out.Ingress.Isolates, out.Egress.Isolates = directions(p.Spec)
	if out.Ingress.Isolates {
		for i, rule := range p.Spec.Ingress {
			out.Ingress.Rules = append(out.Ingress.Rules, r.rule(spec.Child("ingress").Index(i), "from", rule.From, rule.Ports))
		}
	}
	if out.Egress.Isolates {
		for i, rule := range p.Spec.Egress {
			out.Egress.Rules = append(out.Egress.Rules, r.rule(spec.Child("egress").Index(i), "to", rule.To, rule.Ports))
		}
	}
	return out, r.problems
}

// audited reads what a generated policy in mode Audit would select. A policy that selects pods is in force, whatever its label; what is not
// understood is not audited.
func audited(p *networkingv1.NetworkPolicy, target Selector) *Selector {
	text, says := p.Annotations[apis.AnnotationWouldSelect]
	if !says || p.Labels[apis.LabelWorkloadPolicy] != "audit" || target.All() {
		return nil
	}
	var selector metav1.LabelSelector
	if err := json.Unmarshal([]byte(text), &selector); err != nil {
		return nil
	}
	would, err := selectorOf(&selector)
	if err != nil {
		return nil
	}
	return &would
}

// directions fills in policyTypes: ingress always, egress if there is an egress rule.
func directions(spec networkingv1.NetworkPolicySpec) (ingress, egress bool) {
	if len(spec.PolicyTypes) == 0 {
		return true, len(spec.Egress) > 0
	}
	for _, t := range spec.PolicyTypes {
		ingress = ingress || t == networkingv1.PolicyTypeIngress
		egress = egress || t == networkingv1.PolicyTypeEgress
	}
	return ingress, egress
}

type reader struct{ problems field.ErrorList }

func (r *reader) problem(e *field.Error) { r.problems = append(r.problems, e) }

func (r *reader) rule(at *field.Path, peers string, from []networkingv1.NetworkPolicyPeer, ports []networkingv1.NetworkPolicyPort) Rule {
	out := Rule{AnyPeer: len(from) == 0, AnyPort: len(ports) == 0}
	for i, p := range from {
		out.Peers = append(out.Peers, r.peer(at.Child(peers).Index(i), p))
	}
	for i, p := range ports {
		out.Ports = append(out.Ports, r.port(at.Child("ports").Index(i), p))
	}
	return out
}

// peer reads one peer of a rule. One that is invalid is a problem and means no address: the zero value.
func (r *reader) peer(at *field.Path, p networkingv1.NetworkPolicyPeer) Peer {
	if p.IPBlock != nil {
		return r.block(at.Child("ipBlock"), p.IPBlock)
	}
	if p.PodSelector == nil && p.NamespaceSelector == nil {
		r.problem(field.Required(at, "must specify a peer; it is nobody"))
		return Peer{}
	}
	pods := Everything()
	out := Peer{Pods: &pods}
	var err error
	if p.PodSelector != nil {
		if pods, err = selectorOf(p.PodSelector); err != nil {
			r.problem(field.Invalid(at.Child("podSelector"), p.PodSelector, err.Error()))
			return Peer{}
		}
	}
	if p.NamespaceSelector != nil {
		namespaces, err := selectorOf(p.NamespaceSelector)
		if err != nil {
			r.problem(field.Invalid(at.Child("namespaceSelector"), p.NamespaceSelector, err.Error()))
			return Peer{}
		}
		out.Namespaces = &namespaces
	}
	return out
}

// block reads addresses as the API does (leading zeros in old objects are decimal). One bad exception closes the block.
func (r *reader) block(at *field.Path, b *networkingv1.IPBlock) Peer {
	cidr, ok := r.prefix(at.Child("cidr"), b.CIDR)
	out := &Block{CIDR: cidr}
	for i, e := range b.Except {
		except, good := r.prefix(at.Child("except").Index(i), e)
		ok = ok && good
		out.Except = append(out.Except, except)
	}
	if !ok {
		return Peer{}
	}
	return Peer{Block: out}
}

func (r *reader) prefix(at *field.Path, text string) (netip.Prefix, bool) {
	_, network, err := utilnet.ParseCIDRSloppy(text)
	if err != nil {
		r.problem(field.Invalid(at, text, err.Error()))
		return netip.Prefix{}, false
	}
	addr, _ := netip.AddrFromSlice(network.IP)
	bits, _ := network.Mask.Size()
	return netip.PrefixFrom(addr, bits), true
}

// port reads one port of a rule. One that is invalid is a problem and opens no port: the zero value.
func (r *reader) port(at *field.Path, p networkingv1.NetworkPolicyPort) Port {
	protocol := TCP
	if p.Protocol != nil {
		var ok bool
		if protocol, ok = protocolOf(*p.Protocol); !ok {
			r.problem(field.NotSupported(at.Child("protocol"), *p.Protocol, []string{"TCP", "UDP", "SCTP"}))
			return Port{}
		}
	}
	switch {
	case p.Port == nil && p.EndPort == nil:
		return Port{Protocol: protocol, Last: 65535}
	case p.Port == nil:
		r.problem(field.Required(at.Child("port"), "endPort needs a port"))
		return Port{}
	case p.Port.Type == intstr.String:
		if p.EndPort != nil {
			r.problem(field.Forbidden(at.Child("endPort"), "not with a named port"))
			return Port{}
		}
		return Port{Protocol: protocol, Name: p.Port.StrVal}
	}
	first, last := p.Port.IntVal, p.Port.IntVal
	if p.EndPort != nil {
		last = *p.EndPort
	}
	if first < 1 || last > 65535 || last < first {
		r.problem(field.Invalid(at, p.Port.IntVal, "no such range of ports"))
		return Port{}
	}
	return Port{Protocol: protocol, First: uint16(first), Last: uint16(last)} //nolint:gosec // checked above
}
