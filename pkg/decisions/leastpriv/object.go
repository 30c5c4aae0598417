package leastpriv

import (
	"net/netip"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Template is what an object says of the pods that it makes, or, of a pod, itself.
type Template struct {
	// Kind and Object are of what makes the pods, such as a Deployment.
	Kind   string
	Object metav1.Object
	// Selector selects the pods; nil: the object has none (a CronJob, a Pod).
	Selector *metav1.LabelSelector
	// Labels and Spec are those of the pods.
	Labels map[string]string
	Spec   corev1.PodSpec
}

// TemplateOf reads an object. It returns false for one that gets no policy: its owner has one, its pods are in the node's network, or it
// has ended.
func TemplateOf(object any) (Template, bool) {
	var t Template
	switch o := object.(type) {
	case *appsv1.Deployment:
		t = Template{KindDeployment, o, o.Spec.Selector, o.Spec.Template.Labels, o.Spec.Template.Spec}
	case *appsv1.StatefulSet:
		t = Template{KindStatefulSet, o, o.Spec.Selector, o.Spec.Template.Labels, o.Spec.Template.Spec}
	case *appsv1.DaemonSet:
		t = Template{KindDaemonSet, o, o.Spec.Selector, o.Spec.Template.Labels, o.Spec.Template.Spec}
	case *appsv1.ReplicaSet:
		t = Template{KindReplicaSet, o, o.Spec.Selector, o.Spec.Template.Labels, o.Spec.Template.Spec}
	case *batchv1.Job:
		t = Template{KindJob, o, o.Spec.Selector, o.Spec.Template.Labels, o.Spec.Template.Spec}
	case *batchv1.CronJob:
		template := o.Spec.JobTemplate.Spec.Template
		t = Template{KindCronJob, o, nil, template.Labels, template.Spec}
	case *corev1.Pod:
		if o.Status.Phase == corev1.PodSucceeded || o.Status.Phase == corev1.PodFailed {
			return Template{}, false
		}
		t = Template{KindPod, o, nil, o.Labels, o.Spec}
	default:
		return Template{}, false
	}
	return t, !t.Spec.HostNetwork && !hasOwnPolicy(t.Object)
}

// hasOwnPolicy reports whether the object's controller is of a kind that has a policy itself. Others (a ShadowPod of Liqo, a ReplicationController,
// a kind of an operator's) are not followed, and what they make has a policy of its own.
func hasOwnPolicy(object metav1.Object) bool {
	owner := metav1.GetControllerOfNoCopy(object)
	if owner == nil {
		return false
	}
	switch owner.APIVersion {
	case "apps/v1":
		return owner.Kind == KindDeployment || owner.Kind == KindStatefulSet || owner.Kind == KindDaemonSet || owner.Kind == KindReplicaSet
	case "batch/v1":
		return owner.Kind == KindJob || owner.Kind == KindCronJob
	default:
		return false
	}
}

// Workload is the object with what its containers mention.
func (t Template) Workload(wishes Wishes) Workload {
	selector := t.Selector
	if selector == nil && len(t.Labels) > 0 {
		selector = &metav1.LabelSelector{MatchLabels: t.Labels}
	}
	return Workload{
		Kind: t.Kind, Namespace: t.Object.GetNamespace(), Name: t.Object.GetName(), UID: t.Object.GetUID(),
		Selector: selector, Labels: t.Labels, Ports: declaredPorts(t.Spec), Wishes: wishes,
	}
}

// PodOf returns a pod with its addresses; false if it has none of its own.
func PodOf(pod *corev1.Pod) (Pod, bool) {
	if pod.Spec.HostNetwork || pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
		return Pod{}, false
	}
	p := Pod{Namespace: pod.Namespace, Name: pod.Name, Labels: pod.Labels, Ports: declaredPorts(pod.Spec)}
	for _, ip := range pod.Status.PodIPs {
		if addr, err := netip.ParseAddr(ip.IP); err == nil {
			p.Addresses = append(p.Addresses, addr)
		}
	}
	return p, true
}

// declaredPorts returns the ports of a pod's containers, sidecars included.
func declaredPorts(pod corev1.PodSpec) []corev1.ContainerPort {
	var ports []corev1.ContainerPort
	for _, c := range containers(pod) {
		ports = append(ports, c.Ports...)
	}
	return ports
}
