package admit

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Service refuses Services that open a way between a guest's pods and the outside, or take over addresses or names of
// others; before is nil when the Service is created.
func Service(now, before *corev1.Service, s Settings) field.ErrorList {
	path := field.NewPath("spec")
	problems := judgeServiceAnnotations(now.Annotations)
	switch kind := now.Spec.Type; {
	case kind == corev1.ServiceTypeClusterIP || kind == "" || slices.Contains(s.ServiceTypes, kind):
	case kind == corev1.ServiceTypeExternalName:
		problems = append(problems, field.Forbidden(path.Child("type"),
			"a name outside the cluster is a way out that no policy sees; use type ClusterIP"))
	default:
		problems = append(problems, field.Forbidden(path.Child("type"),
			fmt.Sprintf("a Service of type %s publishes a foreign pod outside the cluster; use type ClusterIP, or have the Hospital name the type in %s",
				kind, s.grantedBy("workload.serviceTypes", ""))))
	}
	if len(now.Spec.ExternalIPs) > 0 {
		problems = append(problems, field.Forbidden(path.Child("externalIPs"),
			"external addresses take over what others send there; remove them"))
	}
	problems = append(problems, judgeBalancer(now, path)...)
	problems = append(problems, judgeNodePorts(&now.Spec, before, s, path)...)
	return append(problems, judgeClusterIPs(&now.Spec, before, path)...)
}

// judgeBalancer refuses addresses of load balancers that a Service chooses or shares, in the ways that their programs are known to accept:
// where the Hospital allows load balancers, which address each has is its own to choose.
func judgeBalancer(service *corev1.Service, path *field.Path) field.ErrorList {
	const reason = "the address of a load balancer is the Hospital's to choose, since others may still call one that was released or is shared; remove it"
	if service.Spec.Type != corev1.ServiceTypeLoadBalancer {
		return nil
	}
	f := forbidder{path: path}
	f.when(service.Spec.LoadBalancerIP != "", "loadBalancerIP", reason)
	for _, key := range balancerAddresses() {
		if _, set := service.Annotations[key]; set {
			f.problems = append(f.problems, field.Forbidden(field.NewPath("metadata", "annotations").Key(key), reason))
		}
	}
	return f.problems
}

// balancerAddresses are annotations by which Services choose or share addresses of load balancers.
func balancerAddresses() []string {
	return []string{
		"kube-vip.io/loadbalancerIPs",
		"lbipam.cilium.io/ips", "lbipam.cilium.io/sharing-cross-namespace", "lbipam.cilium.io/sharing-key",
		"metallb.io/address-pool", "metallb.io/allow-shared-ip", "metallb.io/loadBalancerIPs",
		"metallb.universe.tf/address-pool", "metallb.universe.tf/allow-shared-ip", "metallb.universe.tf/loadBalancerIPs",
	}
}

// judgeClusterIPs refuses addresses that a Service chooses for itself: clients may still dial
// one that the Hospital has released.
func judgeClusterIPs(spec *corev1.ServiceSpec, before *corev1.Service, path *field.Path) field.ErrorList {
	const reason = "the address of a Service is the cluster's to choose, since others may still call one that was released; remove it, or use None"
	kept := []string{"", corev1.ClusterIPNone}
	if before != nil {
		kept = append(append(kept, before.Spec.ClusterIP), before.Spec.ClusterIPs...)
	}
	f := forbidder{path: path}
	f.when(!slices.Contains(kept, spec.ClusterIP), "clusterIP", reason)
	f.when(slices.ContainsFunc(spec.ClusterIPs, func(ip string) bool { return !slices.Contains(kept, ip) }), "clusterIPs", reason)
	return f.problems
}

// judgeServiceAnnotations refuses the orders that programs of a cluster are known to take from Services of type ClusterIP.
func judgeServiceAnnotations(annotations map[string]string) field.ErrorList {
	var problems field.ErrorList
	for _, key := range slices.Sorted(maps.Keys(annotations)) {
		domain, _, _ := strings.Cut(key, "/")
		if slices.ContainsFunc(publishers(), func(p string) bool { return domain == p || strings.HasSuffix(domain, "."+p) }) {
			problems = append(problems, field.Forbidden(field.NewPath("metadata", "annotations").Key(key),
				"it publishes the Service outside the cluster, or under a name of the Hospital's; remove it"))
		}
	}
	return problems
}

// publishers are the domains of such annotations.
func publishers() []string {
	return []string{
		"external-dns.alpha.kubernetes.io", // names in the Hospital's own DNS zones
		"tailscale.com",
		"getambassador.io",  // routes at the front door
		"service.cilium.io", // shared with other clusters
		"io.cilium",
		"multicluster.x-k8s.io",
		"mirror.linkerd.io",
		"skupper.io",
		"ngrok.com",
	}
}

// deprecatedClass is how Ingresses named their class before there was a field for it.
const deprecatedClass = "kubernetes.io/ingress.class"

// Ingress refuses Ingresses but of the classes that the Hospital has named: each publishes a guest's pods. One without a
// class would get the cluster's default class.
func Ingress(ingress *networkingv1.Ingress, s Settings) field.ErrorList {
	wayOut := "an Ingress publishes a foreign pod outside the cluster; have the Hospital name its class in " + s.grantedBy("workload.ingressClasses", "--ingress-classes")
	if s.AnyIngressClass {
		return nil
	}
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
