// Package worlds generates clusters, mutations of them and packets from a seed. They are small enough to try every pair, and
// odd enough to meet every clause of the API.
package worlds

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"data-space.liqo.io/test/netpol/oracle"
)

// Node is the node whose filter is tried.
const Node = "here"

// World is a cluster that changes.
type World struct {
	oracle.World
	random *rand.Rand
	serial int
	slots  int // addresses that pods may have, of each family
}

// Event is what changed: one of the fields is set. Gone: it was deleted.
type Event struct {
	Pod       *corev1.Pod
	Namespace *corev1.Namespace
	Policy    *networkingv1.NetworkPolicy
	Gone      bool
}

// Slots is how many addresses there are for pods: LocalSlots on Node, as many elsewhere.
const (
	LocalSlots  = 10
	RemoteSlots = 6
)

// Address4 and Address6 are the addresses of a slot: 0 to LocalSlots-1 are this node's, the next RemoteSlots remote
// pods', and what follows is outside of the cluster.
func Address4(slot int) netip.Addr {
	return netip.AddrFrom4([4]byte{203, 0, 113, byte(10 + slot)}) //nolint:gosec // few slots
}

// Address6 is the same for the other family.
func Address6(slot int) netip.Addr {
	a := netip.MustParseAddr("2001:db8:1::").As16()
	a[15] = byte(10 + slot) //nolint:gosec // few slots
	return netip.AddrFrom16(a)
}

// New makes up a world.
func New(seed uint64) *World {
	w := &World{random: rand.New(rand.NewPCG(seed, 5)), slots: LocalSlots + RemoteSlots} //nolint:gosec // worlds are made up, and the same every time
	for _, name := range []string{"x", "y", "z"} {
		w.Namespaces = append(w.Namespaces, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: w.labels(name)}})
	}
	for range 6 + w.random.IntN(8) {
		w.addPod()
	}
	for range 1 + w.random.IntN(6) {
		w.addPolicy()
	}
	return w
}

// Events is the world as the first list tells it.
func (w *World) Events() []Event {
	var out []Event
	for _, n := range w.Namespaces {
		out = append(out, Event{Namespace: n})
	}
	for _, p := range w.Pods {
		out = append(out, Event{Pod: p})
	}
	for _, p := range w.Policies {
		out = append(out, Event{Policy: p})
	}
	w.random.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

func (w *World) chance(percent int) bool { return w.random.IntN(100) < percent }

func (w *World) labels(name string) map[string]string {
	out := map[string]string{"kubernetes.io/metadata.name": name}
	if w.chance(50) {
		out["team"] = pick(w.random, "a", "b", "")
	}
	if w.chance(30) {
		out["env"] = pick(w.random, "prod", "dev")
	}
	return out
}

func (w *World) podLabels() map[string]string {
	out := map[string]string{}
	if w.chance(80) {
		out["app"] = pick(w.random, "web", "db", "")
	}
	if w.chance(50) {
		out["tier"] = pick(w.random, "1", "2")
	}
	return out
}

func (w *World) namespace() string { return pick(w.random, "x", "x", "y", "z") }

func (w *World) addPod() Event {
	w.serial++
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: w.namespace(), Name: fmt.Sprintf("p%d", w.serial), UID: types.UID(fmt.Sprint(w.serial)), Labels: w.podLabels(),
			CreationTimestamp: metav1.NewTime(time.Unix(int64(1000+w.serial/2), 0)),
		},
		Spec: corev1.PodSpec{HostNetwork: w.chance(6), Containers: []corev1.Container{{Ports: w.ports()}}},
	}
	if w.chance(30) {
		always := corev1.ContainerRestartPolicyAlways
		p.Spec.InitContainers = []corev1.Container{{Ports: w.ports()}, {Ports: w.ports(), RestartPolicy: &always}}
	}
	if w.chance(85) {
		w.place(p)
	} else {
		p.Spec.NodeName = pick(w.random, Node, "there") // no address yet
	}
	w.Pods = append(w.Pods, p)
	return Event{Pod: p}
}

// place gives the pod the addresses of a free slot, rarely those of a taken one.
func (w *World) place(p *corev1.Pod) {
	slot := w.random.IntN(w.slots)
	for range 20 {
		if w.chance(4) || !slices.ContainsFunc(w.Pods, func(q *corev1.Pod) bool { return slotOf(q) == slot }) {
			break
		}
		slot = w.random.IntN(w.slots)
	}
	p.Spec.NodeName = Node
	if slot >= LocalSlots {
		p.Spec.NodeName = "there"
	}
	switch w.random.IntN(6) {
	case 0:
		p.Status.PodIPs = []corev1.PodIP{{IP: Address4(slot).String()}}
	case 1:
		p.Status.PodIPs = []corev1.PodIP{{IP: Address6(slot).String()}}
	default:
		p.Status.PodIPs = []corev1.PodIP{{IP: Address4(slot).String()}, {IP: Address6(slot).String()}}
	}
}

// slotOf is the slot whose address the pod has; -1 if none.
func slotOf(p *corev1.Pod) int {
	for _, ip := range p.Status.PodIPs {
		if p.Status.Phase != corev1.PodFailed {
			b := netip.MustParseAddr(ip.IP).AsSlice()
			return int(b[len(b)-1]) - 10
		}
	}
	return -1
}

func (w *World) ports() []corev1.ContainerPort {
	var out []corev1.ContainerPort
	for range w.random.IntN(3) {
		out = append(out, corev1.ContainerPort{
			Name: pick(w.random, "web", "dns", "web"), ContainerPort: pick[int32](w.random, 80, 81, 8080),
			Protocol: pick(w.random, corev1.ProtocolTCP, corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP, ""),
		})
	}
	return out
}

// Mutate changes one thing.
func (w *World) Mutate() Event {
	switch n := w.random.IntN(100); {
	case n < 20:
		return w.addPod()
	case n < 35 && len(w.Pods) > 0:
		i := w.random.IntN(len(w.Pods))
		p := w.Pods[i]
		w.Pods = slices.Delete(w.Pods, i, i+1)
		return Event{Pod: p, Gone: true}
	case n < 65 && len(w.Pods) > 0:
		return w.changePod(w.random.IntN(len(w.Pods)))
	case n < 75:
		i := w.random.IntN(len(w.Namespaces))
		ns := w.Namespaces[i].DeepCopy()
		ns.Labels = w.labels(ns.Name)
		w.Namespaces[i] = ns
		return Event{Namespace: ns}
	case n < 85 && len(w.Policies) > 0:
		i := w.random.IntN(len(w.Policies))
		p := w.Policies[i].DeepCopy()
		p.Spec = w.spec()
		w.Policies[i] = p
		return Event{Policy: p}
	case n < 92 && len(w.Policies) > 0:
		i := w.random.IntN(len(w.Policies))
		p := w.Policies[i]
		w.Policies = slices.Delete(w.Policies, i, i+1)
		return Event{Policy: p, Gone: true}
	default:
		return w.addPolicy()
	}
}

// Relabel changes the labels of a pod that has an address, or of a namespace.
func (w *World) Relabel() Event {
	for range 20 {
		i := w.random.IntN(len(w.Pods))
		if slotOf(w.Pods[i]) >= 0 && !w.chance(15) {
			p := w.Pods[i].DeepCopy()
			p.Labels = w.podLabels()
			w.Pods[i] = p
			return Event{Pod: p}
		}
	}
	i := w.random.IntN(len(w.Namespaces))
	ns := w.Namespaces[i].DeepCopy()
	ns.Labels = w.labels(ns.Name)
	w.Namespaces[i] = ns
	return Event{Namespace: ns}
}

func (w *World) changePod(i int) Event {
	p := w.Pods[i].DeepCopy()
	switch n := w.random.IntN(10); {
	case n < 5:
		p.Labels = w.podLabels()
	case n < 6:
		p.Status.Phase = pick(w.random, corev1.PodSucceeded, corev1.PodFailed)
	case n < 7:
		now := metav1.Now()
		p.DeletionTimestamp = &now
	default:
		if len(p.Status.PodIPs) == 0 && p.Spec.NodeName == Node {
			w.place(p)
		} else {
			p.Labels = w.podLabels()
		}
	}
	w.Pods[i] = p
	return Event{Pod: p}
}

func (w *World) addPolicy() Event {
	w.serial++
	p := &networkingv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace(), Name: fmt.Sprintf("n%d", w.serial)},
		Spec:       w.spec(),
	}
	w.Policies = append(w.Policies, p)
	return Event{Policy: p}
}

func (w *World) spec() networkingv1.NetworkPolicySpec {
	s := networkingv1.NetworkPolicySpec{PodSelector: w.selector("app", "tier")}
	for range w.random.IntN(3) {
		s.Ingress = append(s.Ingress, networkingv1.NetworkPolicyIngressRule{From: w.peers(), Ports: w.policyPorts()})
	}
	for range w.random.IntN(3) {
		s.Egress = append(s.Egress, networkingv1.NetworkPolicyEgressRule{To: w.peers(), Ports: w.policyPorts()})
	}
	switch w.random.IntN(5) {
	case 0:
	case 1:
		s.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}
	case 2:
		s.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeEgress}
	default:
		s.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress}
	}
	return s
}

func (w *World) selector(keys ...string) metav1.LabelSelector {
	var s metav1.LabelSelector
	values := []string{"web", "db", "", "1", "2", "a", "b", "prod"}
	if w.chance(45) {
		s.MatchLabels = map[string]string{pick(w.random, keys...): pick(w.random, values...)}
	}
	if w.chance(45) {
		e := metav1.LabelSelectorRequirement{Key: pick(w.random, keys...), Operator: pick(w.random,
			metav1.LabelSelectorOpIn, metav1.LabelSelectorOpNotIn, metav1.LabelSelectorOpExists, metav1.LabelSelectorOpDoesNotExist)}
		if e.Operator == metav1.LabelSelectorOpIn || e.Operator == metav1.LabelSelectorOpNotIn {
			e.Values = []string{pick(w.random, values...), pick(w.random, values...)}
		}
		s.MatchExpressions = append(s.MatchExpressions, e)
	}
	return s
}

func (w *World) peers() []networkingv1.NetworkPolicyPeer {
	var out []networkingv1.NetworkPolicyPeer
	for range w.random.IntN(4) {
		var p networkingv1.NetworkPolicyPeer
		switch w.random.IntN(4) {
		case 0:
			p.IPBlock = w.block()
		case 1:
			s := w.selector("app", "tier")
			p.PodSelector = &s
		case 2:
			s := w.selector("team", "env")
			p.NamespaceSelector = &s
		case 3:
			s, t := w.selector("app", "tier"), w.selector("team", "env")
			p.PodSelector, p.NamespaceSelector = &s, &t
		}
		out = append(out, p)
	}
	return out
}

func (w *World) block() *networkingv1.IPBlock {
	bits := pick(w.random, 0, 4, 24, 28, 29, 30, 32)
	address, wide := Address4(w.random.IntN(w.slots+3)), 32
	if w.chance(40) {
		address, wide = Address6(w.random.IntN(w.slots+3)), 128
		if bits > 4 {
			bits += 96
		}
	}
	b := &networkingv1.IPBlock{CIDR: netip.PrefixFrom(address, bits).Masked().String()}
	for range w.random.IntN(3) {
		if bits == wide {
			break
		}
		e := netip.PrefixFrom(address, min(wide, bits+1+w.random.IntN(5)))
		if w.chance(50) {
			e = netip.PrefixFrom(address, wide)
		}
		b.Except = append(b.Except, e.Masked().String())
	}
	return b
}

func (w *World) policyPorts() []networkingv1.NetworkPolicyPort {
	var out []networkingv1.NetworkPolicyPort
	for range w.random.IntN(3) {
		var p networkingv1.NetworkPolicyPort
		if w.chance(70) {
			protocol := pick(w.random, corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP)
			p.Protocol = &protocol
		}
		switch w.random.IntN(6) {
		case 0:
		case 1, 2:
			port := intstr.FromString(pick(w.random, "web", "dns", "nobody"))
			p.Port = &port
		case 3:
			port, end := intstr.FromInt32(80), int32(81)
			p.Port, p.EndPort = &port, &end
		default:
			port := intstr.FromInt32(pick[int32](w.random, 80, 81, 8080))
			p.Port = &port
		}
		out = append(out, p)
	}
	return out
}
