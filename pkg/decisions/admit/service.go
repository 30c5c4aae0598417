package admit

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Service refuses Services that open a way between a guest's pods and the outside, or take over addresses of others.
func Service(spec *corev1.ServiceSpec) field.ErrorList {
	path := field.NewPath("spec")
	var problems field.ErrorList
	switch spec.Type {
	case corev1.ServiceTypeClusterIP, "":
	case corev1.ServiceTypeExternalName:
		problems = append(problems, field.Forbidden(path.Child("type"),
			"a name outside the cluster is a way out that no policy sees; use type ClusterIP"))
	default:
		problems = append(problems, field.Forbidden(path.Child("type"),
			fmt.Sprintf("a Service of type %s publishes a foreign pod outside the cluster; use type ClusterIP", spec.Type)))
	}
	if len(spec.ExternalIPs) > 0 {
		problems = append(problems, field.Forbidden(path.Child("externalIPs"),
			"external addresses take over what others send there; remove them"))
	}
	return problems
}

// deprecatedClass is how Ingresses named their class before there was a field for it.
const deprecatedClass = "kubernetes.io/ingress.class"

// Ingress refuses Ingresses but of the classes that the Hospital has named: each publishes a guest's pods. One without a
// class would get the cluster's default class.
func Ingress(ingress *networkingv1.Ingress, s Settings) field.ErrorList {
	const wayOut = "an Ingress publishes a foreign pod outside the cluster; have the Hospital name its class in the webhook's --ingress-classes"
	var problems field.ErrorList
	old, named := ingress.Annotations[deprecatedClass]
	if named && !slices.Contains(s.IngressClasses, old) {
		problems = append(problems, field.Forbidden(field.NewPath("metadata", "annotations").Key(deprecatedClass), wayOut))
	}
	class := ingress.Spec.IngressClassName
	if class == nil && !named || class != nil && !slices.Contains(s.IngressClasses, *class) {
		problems = append(problems, field.Forbidden(field.NewPath("spec", "ingressClassName"), wayOut))
	}
	return problems
}

// Claim judges a PersistentVolumeClaim.
func Claim(spec *corev1.PersistentVolumeClaimSpec) field.ErrorList {
	return judgeClaim(spec, field.NewPath("spec"))
}
