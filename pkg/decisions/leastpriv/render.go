package leastpriv

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"data-space.liqo.io/pkg/values/apis"
)

// The kinds of workloads.
const (
	KindPod         = "Pod"
	KindDeployment  = "Deployment"
	KindStatefulSet = "StatefulSet"
	KindDaemonSet   = "DaemonSet"
	KindReplicaSet  = "ReplicaSet"
	KindJob         = "Job"
	KindCronJob     = "CronJob"
)

// Labels and annotations of the policies.
const (
	// LabelPolicy is on each policy; its value is the mode in lower case. Without it a policy is not ours.
	LabelPolicy = apis.LabelWorkloadPolicy
	// annotationWorkload names the workload, and AnnotationReasons says why each peer is there.
	annotationWorkload = "data-space.liqo.io/workload"
	AnnotationReasons  = apis.AnnotationReasons
	// AnnotationSelects is, in mode Audit, the selector that the policy would have.
	AnnotationSelects = apis.AnnotationWouldSelect
)

// ClosedName is the name of the policy that closes a namespace's pods until a policy of their own selects them.
const ClosedName = "data-space-workloads"

const (
	reasonLimit  = 300
	reasonsLimit = 16 << 10
)

// PolicyName is the name of a workload's policy. A name that would be too long ends with a hash, and differs by its first dot from every
// name that is not.
func PolicyName(kind, name string) string {
	prefix := "data-space-" + strings.ToLower(kind)
	if whole := prefix + "-" + name; len(whole) <= nameLimit {
		return whole
	}
	const hashed = 16
	sum := sha256.Sum256([]byte(name))
	room := nameLimit - len(prefix) - hashed - 2
	return prefix + "." + strings.TrimRight(name[:room], "-.") + "-" + hex.EncodeToString(sum[:])[:hashed]
}

// render returns the policy of a workload: a rule for each opening, in the order of the openings, so that equal decisions are equal objects.
func (p *plan) render(w *Workload, in, out []opening) *networkingv1.NetworkPolicy {
	policy := p.empty(w.Namespace, PolicyName(w.Kind, w.Name), p.Namespaces[w.Namespace].Mode, w.Selector)
	policy.Annotations[annotationWorkload] = w.Kind + "/" + w.Name
	var reasons reasons
	for _, o := range in {
		policy.Spec.Ingress = append(policy.Spec.Ingress, networkingv1.NetworkPolicyIngressRule{
			From: []networkingv1.NetworkPolicyPeer{o.peer(w.Namespace)}, Ports: o.ports,
		})
		reasons.add("from", o)
	}
	for _, o := range out {
		policy.Spec.Egress = append(policy.Spec.Egress, networkingv1.NetworkPolicyEgressRule{
			To: []networkingv1.NetworkPolicyPeer{o.peer(w.Namespace)}, Ports: o.ports,
		})
		reasons.add("to", o)
	}
	policy.Annotations[AnnotationReasons] = reasons.String()
	return policy
}

// closed selects every pod of a namespace and opens nothing.
func (p *plan) closed(namespace string, mode Mode) *networkingv1.NetworkPolicy {
	policy := p.empty(namespace, ClosedName, mode, &metav1.LabelSelector{})
	policy.Annotations[AnnotationReasons] = "closes pods of this namespace until a policy of their workload selects them"
	return policy
}

// empty returns a policy that opens nothing in either direction. In mode Audit it selects no pod, and AnnotationSelects has the selector that it
// would have.
func (p *plan) empty(namespace, name string, mode Mode, selector *metav1.LabelSelector) *networkingv1.NetworkPolicy {
	policy := &networkingv1.NetworkPolicy{
		TypeMeta: metav1.TypeMeta{APIVersion: "networking.k8s.io/v1", Kind: "NetworkPolicy"},
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: name,
			Labels:          map[string]string{apis.LabelManagedBy: apis.ControllerName, LabelPolicy: strings.ToLower(string(mode))},
			Annotations:     map[string]string{},
			OwnerReferences: []metav1.OwnerReference{p.Owner},
		},
		Spec: networkingv1.NetworkPolicySpec{
			PodSelector: *selector.DeepCopy(),
			PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress},
		},
	}
	if mode == Audit {
		text, err := json.Marshal(selector)
		if err == nil {
			policy.Annotations[AnnotationSelects] = string(text)
		}
		policy.Spec.PodSelector = nothing()
	}
	return policy
}

// nothing selects no pod.
func nothing() metav1.LabelSelector {
	return metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
		{Key: LabelPolicy, Operator: metav1.LabelSelectorOpExists}, {Key: LabelPolicy, Operator: metav1.LabelSelectorOpDoesNotExist},
	}}
}

func (o opening) peer(own string) networkingv1.NetworkPolicyPeer {
	switch {
	case o.pods == nil:
		return networkingv1.NetworkPolicyPeer{IPBlock: &networkingv1.IPBlock{CIDR: o.address.String()}}
	case o.spaces != nil:
		return networkingv1.NetworkPolicyPeer{NamespaceSelector: o.spaces, PodSelector: o.pods}
	case o.namespace == own:
		return networkingv1.NetworkPolicyPeer{PodSelector: o.pods}
	default:
		return networkingv1.NetworkPolicyPeer{PodSelector: o.pods, NamespaceSelector: &metav1.LabelSelector{
			MatchLabels: map[string]string{corev1.LabelMetadataName: o.namespace},
		}}
	}
}

// reasons is the text of AnnotationReasons, a line for each peer.
type reasons struct {
	lines strings.Builder
	more  int
}

func (r *reasons) add(direction string, o opening) {
	var ports []string
	for _, port := range o.ports {
		ports = append(ports, strings.ReplaceAll(portText(port), " ", ""))
	}
	if len(ports) == 0 {
		ports = []string{"all"}
	}
	line := fmt.Sprintf("%s %s, ports %s: %s\n", direction, o, strings.Join(ports, " "), o.why)
	if r.more > 0 || r.lines.Len()+len(line) > reasonsLimit {
		r.more++
		return
	}
	r.lines.WriteString(line)
}

func (r *reasons) String() string {
	if r.more > 0 {
		return fmt.Sprintf("%sand %d more\n", r.lines.String(), r.more)
	}
	return r.lines.String()
}

func prefix(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }
