package leastpriv

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"

	"data-space.liqo.io/pkg/values/apis"
)

// Finding is something that a workload needs and its policy does not open, or that the workload's owner should know.
type Finding struct {
	Workload Workload
	Message  string
}

// Result is what should be there: one policy for each workload that can be selected, and one for each namespace, which closes pods
// that no other policy selects yet.
type Result struct {
	// Policies are complete objects, each with World.Owner as its owner.
	Policies []*networkingv1.NetworkPolicy
	Findings []Finding
}

// Policies decides all policies of a cluster. The same world has the same result, to the byte.
//
//  1. Pods of a workload reach each other and the cluster's DNS, and are reached by ingress controllers at the ports of their Services.
//  2. A workload reaches the pods behind a name that it mentions, at the ports that the name means. Where the pods belong to a workload
//     in a namespace that is on, that one's policy admits the caller.
//  3. Guests reach a workload that the Hospital has labelled for them, at the ports of its Services. What guests mention opens no pod of
//     the Hospital's.
//  4. In a guest's namespace a peer counts only as far as the Hospital's own policy allows it, in both directions.
func Policies(w World) Result {
	w.Pods = slices.SortedFunc(slices.Values(w.Pods), func(a, b Pod) int { return compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name) })
	w.Workloads = selectable(w)
	slices.SortFunc(w.Workloads, func(a, b Workload) int { return compare(a.String(), b.String()) })
	p := plan{
		index: newIndex(w), out: map[*Workload][]opening{}, in: map[*Workload][]opening{},
		work: map[string]int{}, written: map[string]int{}, poor: map[*Workload]bool{}, found: map[*Workload]int{},
	}
	for i := range w.Workloads {
		p.follow(&w.Workloads[i])
	}
	for i := range w.Workloads {
		if wl := &w.Workloads[i]; wl.Selector != nil {
			p.policy(wl)
		} else if wl.Kind != KindCronJob || len(wl.Labels) > 0 {
			p.find(wl, "no label distinguishes its pods from others of the namespace: they stay closed; give them a label")
		}
	}
	for _, name := range sortedKeys(w.Namespaces) {
		if ns := w.Namespaces[name]; ns.Mode != Off && !ns.foreign() {
			p.result.Policies = append(p.result.Policies, p.closed(name, ns.Mode))
		}
	}
	return p.result
}

// plan collects what each workload's policy opens.
type plan struct {
	*index
	out, in map[*Workload][]opening
	result  Result
	// work is what has been done for the workloads of each namespace, written the bytes of their policies, and poor are the workloads for which
	// no more is done.
	work, written map[string]int
	poor          map[*Workload]bool
	found         map[*Workload]int
}

func (p *plan) find(w *Workload, format string, args ...any) {
	if p.found[w]++; p.found[w] > findingsLimit {
		return
	}
	p.result.Findings = append(p.result.Findings, Finding{*w, fmt.Sprintf(format, args...)})
}

// follow resolves what a workload mentions, for its own policy and for those at the other end.
func (p *plan) follow(w *Workload) {
	for _, missing := range w.Wishes.Missing {
		p.find(w, "%s is not there or may not be read: the names in it are not followed", missing)
	}
	if w.Wishes.Cut {
		p.find(w, "its variables and arguments are longer than what is read: names at their end are not followed")
	}
	if w.Wishes.Full {
		p.find(w, "the workloads of its namespace mention more than is kept of one namespace: what it mentions is not followed")
	}
	if w.Selector == nil {
		return
	}
	for _, wish := range w.Wishes.All {
		if !p.affords(w, p.cost(wish.Name)) || !p.followOne(w, wish) {
			return
		}
	}
}

// followOne resolves a name; it returns false if no more may be followed for the workload.
func (p *plan) followOne(w *Workload, wish Wish) bool {
	found, note := p.resolve(wish.Name, externalNameHops)
	if note != "" {
		p.find(w, "%s: %s", wish.Where, note)
	}
	for _, o := range found {
		o, ok := p.wished(w, wish, o)
		if !ok {
			continue
		}
		if !p.affords(w, 1+len(o.ports)+len(p.byNS[o.namespace])/lookedAtOnce) {
			return false
		}
		p.out[w] = append(p.out[w], o)
		p.admit(w, o)
	}
	return true
}

// wished returns what a workload may have of an opening that it mentions.
func (p *plan) wished(w *Workload, wish Wish, o opening) (opening, bool) {
	target := o.why
	o.why = wish.Where + " names " + target
	if !p.Namespaces[w.Namespace].foreign() {
		return o, true
	}
	narrowed, ok := p.allowed(w.Namespace, o)
	if !ok {
		if wish.Pod != "" { // which pod has an address is not the guest's to learn
			target = fmt.Sprintf("Pod %s in namespace %s", wish.Pod, wish.Namespace)
		}
		p.find(w, "%s names %s, which the Hospital does not allow to this guest", wish.Where, target)
	}
	return narrowed, ok
}

// admit opens the other end of an opening, where it is closed by us. A guest's wish opens no pod of the Hospital's: what rule 3 opens does
// not depend on it.
func (p *plan) admit(from *Workload, o opening) {
	if p.Namespaces[from.Namespace].foreign() && !p.Namespaces[o.namespace].foreign() {
		return
	}
	for _, target := range p.selected(o) {
		back := opening{
			namespace: from.Namespace, pods: from.Selector, ports: o.ports, last: p.Namespaces[from.Namespace].foreign(),
			why: fmt.Sprintf("%s, %s", from, o.why),
		}
		if p.Namespaces[target.Namespace].foreign() {
			var ok bool
			if back, ok = p.allowed(target.Namespace, back); !ok {
				p.find(from, "%s, and the Hospital does not allow this guest to be reached from here", o.why)
				continue
			}
		}
		if !p.affords(from, 1+len(o.ports)) {
			return
		}
		p.in[target] = append(p.in[target], back)
	}
}

// selected returns the workloads whose pods an opening means.
func (p *plan) selected(o opening) []*Workload {
	if o.of == nil {
		return nil
	}
	name := o.namespace + "/" + o.of.String()
	found, known := p.matches[name]
	if known {
		return found
	}
	means := labels.SelectorFromSet(o.of)
	for _, w := range p.byNS[o.namespace] {
		selects, has := p.selectors[w]
		if has && (means.Matches(labels.Set(w.Labels)) || selects.Matches(o.of)) {
			found = append(found, w)
		}
	}
	p.matches[name] = found
	return found
}

// policy writes one workload's.
func (p *plan) policy(w *Workload) {
	if !p.admitted(w) {
		return
	}
	self := opening{namespace: w.Namespace, pods: w.Selector, why: "pods of the same workload"}
	foreign := p.Namespaces[w.Namespace].foreign()
	if foreign {
		if narrowed, ok := marked(self); ok {
			self = narrowed
		}
	}
	in := append([]opening{self}, p.bounded(w, "ingress", slices.Concat(p.ingressControllers(w), p.guests(w), p.in[w]))...)
	out := []opening{self}
	if !foreign { // a guest's namespace has the Hospital's own policy, which opens the guests' DNS
		out = append(out, p.dns()...)
	}
	out = append(out, p.bounded(w, "egress", p.out[w])...)
	p.result.Policies = append(p.result.Policies, p.render(w, in, out))
}

func (p *plan) bounded(w *Workload, direction string, all []opening) []opening {
	all = merge(all)
	if more := len(all) - p.MaxPeers; more > 0 {
		p.find(w, "%d of %d %s peers are left out: a policy has at most %d", more, len(all), direction, p.MaxPeers)
		all = all[:p.MaxPeers]
	}
	fitting := fitting(all, p.room(w.Namespace))
	for _, o := range fitting {
		p.written[w.Namespace] += o.size()
	}
	if more := len(all) - len(fitting); more > 0 {
		p.find(w, "%d of %d %s peers are left out: their labels and ports are too long for a policy", more, len(all), direction)
	}
	return fitting
}

func (p *plan) dns() []opening {
	ports := []networkingv1.NetworkPolicyPort{
		policyPort(corev1.ProtocolTCP, intstr.FromInt32(53)), policyPort(corev1.ProtocolUDP, intstr.FromInt32(53)),
	}
	var all []opening
	for _, peer := range p.DNS {
		all = append(all, opening{namespace: peer.Namespace, pods: &metav1.LabelSelector{MatchLabels: peer.Labels}, ports: ports, why: "the cluster's DNS"})
	}
	for _, address := range p.LocalDNS {
		all = append(all, opening{address: prefix(address), ports: ports, why: "the node's DNS cache"})
	}
	return all
}

// ingressControllers admits them at the ports that Services of the workload lead to, or, without a Service, at those that it declares.
func (p *plan) ingressControllers(w *Workload) []opening {
	ports := p.exposed(w)
	if len(p.IngressControllers) == 0 || len(ports) == 0 {
		return nil
	}
	pods := metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
		{Key: apis.LabelName, Operator: metav1.LabelSelectorOpIn, Values: p.IngressControllers},
	}}
	elsewhere := opening{
		spaces: &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{notForeign()}}, pods: &pods, ports: ports,
		why: "ingress controllers",
	}
	if !p.Namespaces[w.Namespace].foreign() {
		return []opening{elsewhere}
	}
	elsewhere, _ = marked(elsewhere)
	allowed := elsewhere
	allowed.spaces, allowed.pods = &metav1.LabelSelector{MatchLabels: map[string]string{apis.LabelNetpolAllow: "true"}}, &pods
	return []opening{elsewhere, allowed}
}

// guests admits guests' pods where the Hospital's label lets them in. A guest's own policy may keep them from it.
func (p *plan) guests(w *Workload) []opening {
	labelled := p.Namespaces[w.Namespace].Labels[apis.LabelNetpolAllow] == "true" || w.Labels[apis.LabelNetpolAllow] == "true"
	ports := p.exposed(w)
	if !labelled || len(ports) == 0 || p.Namespaces[w.Namespace].foreign() {
		return nil
	}
	return []opening{{
		spaces: &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
			{Key: apis.LabelRemoteCluster, Operator: metav1.LabelSelectorOpExists},
			{Key: apis.LabelTenantNamespace, Operator: metav1.LabelSelectorOpDoesNotExist},
		}},
		pods:  &metav1.LabelSelector{MatchLabels: map[string]string{apis.LabelNetpolAllow: "true"}},
		ports: ports, why: "guests, by the Hospital's label " + apis.LabelNetpolAllow,
	}}
}

func (p *plan) exposed(w *Workload) []networkingv1.NetworkPolicyPort {
	var ports []networkingv1.NetworkPolicyPort
	for _, s := range p.servicesOf[w.Namespace] {
		if len(s.Spec.Selector) > 0 && labels.SelectorFromSet(s.Spec.Selector).Matches(labels.Set(w.Labels)) {
			found, _ := servicePorts(s, Name{})
			ports = append(ports, found...)
		}
	}
	if len(ports) > 0 {
		return ports
	}
	for _, c := range w.Ports {
		if c.Protocol == "" || c.Protocol == corev1.ProtocolTCP {
			ports = append(ports, policyPort(corev1.ProtocolTCP, intstr.FromInt32(c.ContainerPort)))
		}
	}
	return ports
}
