package workloads

import (
	"reflect"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/decisions/leastpriv"
	"data-space.liqo.io/pkg/values/apis"
)

const kindNamespace = "Namespace"

// byAddress is the index of pods by their addresses.
const byAddress = "address"

func having(label string) labels.Selector {
	r, err := labels.NewRequirement(label, selection.Exists, nil)
	if err != nil {
		return labels.Nothing() // a constant key is valid
	}
	return labels.NewSelector().Add(*r)
}

// notKubernetesSlices leaves out those of Services with a selector, which are most.
func notKubernetesSlices() labels.Selector {
	r, err := labels.NewRequirement(discoveryv1.LabelManagedBy, selection.NotEquals, []string{"endpointslice-controller.k8s.io"})
	if err != nil {
		return labels.Nothing() // a constant key is valid
	}
	return labels.NewSelector().Add(*r)
}

// slim drops what no policy depends on. Names that the containers mention were taken note of before.
func slim(object any) {
	switch o := object.(type) {
	case *corev1.Pod:
		labels := o.Labels
		slimMeta(&o.ObjectMeta)
		o.Labels, o.Spec = labels, slimSpec(o.Spec)
		o.Status = corev1.PodStatus{PodIPs: o.Status.PodIPs, Phase: o.Status.Phase}
	case *appsv1.Deployment:
		slimMeta(&o.ObjectMeta)
		o.Spec, o.Status = appsv1.DeploymentSpec{Selector: o.Spec.Selector, Template: slimTemplate(o.Spec.Template)}, appsv1.DeploymentStatus{}
	case *appsv1.StatefulSet:
		slimMeta(&o.ObjectMeta)
		o.Spec, o.Status = appsv1.StatefulSetSpec{Selector: o.Spec.Selector, Template: slimTemplate(o.Spec.Template)}, appsv1.StatefulSetStatus{}
	case *appsv1.DaemonSet:
		slimMeta(&o.ObjectMeta)
		o.Spec, o.Status = appsv1.DaemonSetSpec{Selector: o.Spec.Selector, Template: slimTemplate(o.Spec.Template)}, appsv1.DaemonSetStatus{}
	case *appsv1.ReplicaSet:
		slimMeta(&o.ObjectMeta)
		o.Spec, o.Status = appsv1.ReplicaSetSpec{Selector: o.Spec.Selector, Template: slimTemplate(o.Spec.Template)}, appsv1.ReplicaSetStatus{}
	case *batchv1.Job:
		slimMeta(&o.ObjectMeta)
		o.Spec, o.Status = batchv1.JobSpec{Selector: o.Spec.Selector, Template: slimTemplate(o.Spec.Template)}, batchv1.JobStatus{}
	case *batchv1.CronJob:
		slimMeta(&o.ObjectMeta)
		template := slimTemplate(o.Spec.JobTemplate.Spec.Template)
		o.Spec, o.Status = batchv1.CronJobSpec{JobTemplate: batchv1.JobTemplateSpec{Spec: batchv1.JobSpec{Template: template}}}, batchv1.CronJobStatus{}
	case *corev1.Service:
		slimMeta(&o.ObjectMeta)
		o.Spec = corev1.ServiceSpec{Type: o.Spec.Type, Selector: o.Spec.Selector, Ports: o.Spec.Ports, ClusterIP: o.Spec.ClusterIP, ExternalName: o.Spec.ExternalName}
		o.Status = corev1.ServiceStatus{}
	case *discoveryv1.EndpointSlice:
		service := o.Labels[discoveryv1.LabelServiceName]
		slimMeta(&o.ObjectMeta)
		o.Labels = map[string]string{discoveryv1.LabelServiceName: service}
		for i, e := range o.Endpoints {
			o.Endpoints[i] = discoveryv1.Endpoint{Addresses: e.Addresses}
		}
	case *metav1.PartialObjectMetadata:
		labels := apis.Settled(o.Labels, o.Annotations)
		slimMeta(&o.ObjectMeta)
		if o.Kind == kindNamespace {
			o.Labels = labels
		}
	}
}

// empty drops all but the metadata of an object that is too large to be kept. A pod keeps its addresses.
func empty(object any) {
	switch o := object.(type) {
	case *corev1.Pod:
		o.Labels, o.Spec = nil, corev1.PodSpec{HostNetwork: o.Spec.HostNetwork}
	case *discoveryv1.EndpointSlice:
		o.Endpoints, o.Ports = nil, nil
	default: // the other kinds have one field Spec, each of its own type
		if spec := reflect.Indirect(reflect.ValueOf(object)).FieldByName("Spec"); spec.IsValid() {
			spec.SetZero()
		}
	}
}

// slimMeta keeps of an object's owners the controller, and no label.
func slimMeta(m *metav1.ObjectMeta) {
	m.ManagedFields, m.Labels, m.Annotations, m.Finalizers, m.GenerateName = nil, nil, nil, nil, ""
	owner := metav1.GetControllerOfNoCopy(m)
	m.OwnerReferences = nil
	if owner != nil {
		m.OwnerReferences = []metav1.OwnerReference{*owner}
	}
}

func slimTemplate(template corev1.PodTemplateSpec) corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: template.Labels}, Spec: slimSpec(template.Spec)}
}

func slimSpec(pod corev1.PodSpec) corev1.PodSpec {
	return corev1.PodSpec{HostNetwork: pod.HostNetwork, InitContainers: slimContainers(pod.InitContainers), Containers: slimContainers(pod.Containers)}
}

// slimContainers keeps the ports of those that have some.
func slimContainers(all []corev1.Container) []corev1.Container {
	var slimmed []corev1.Container
	for _, c := range all {
		if len(c.Ports) > 0 {
			slimmed = append(slimmed, corev1.Container{Name: c.Name, Ports: c.Ports})
		}
	}
	return slimmed
}

// same reports whether two versions of an object differ in nothing that is kept.
func same(before, now client.Object) bool {
	if _, ours := now.(*networkingv1.NetworkPolicy); ours {
		return before.GetResourceVersion() == now.GetResourceVersion()
	}
	if m, isMap := now.(*metav1.PartialObjectMetadata); isMap && m.Kind == leastpriv.KindConfigMap {
		return before.GetResourceVersion() == now.GetResourceVersion()
	}
	copied, ok := before.DeepCopyObject().(client.Object)
	if !ok {
		return false
	}
	copied.SetResourceVersion(now.GetResourceVersion())
	copied.SetGeneration(now.GetGeneration())
	return equality.Semantic.DeepEqual(copied, now)
}
