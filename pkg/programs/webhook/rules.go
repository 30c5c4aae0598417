package webhook

import (
	"slices"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"data-space.liqo.io/pkg/decisions/admit"
	"data-space.liqo.io/pkg/decisions/inject"
	"data-space.liqo.io/pkg/decisions/limits"
)

// rulebook returns what judges a request by the settings of the guest at that time. What a request is about is named as group/resource,
// and the subresource where there is one.
func rulebook(proxy inject.Settings, seals sealer) map[string]func(admit.Settings) rule {
	book := map[string]func(admit.Settings) rule{}
	for about := range rules(admit.Settings{}, proxy, seals) {
		book[about] = func(s admit.Settings) rule { return rules(s, proxy, seals)[about] }
	}
	return book
}

// rules maps what a request is about to what judges it.
func rules(s admit.Settings, proxy inject.Settings, seals sealer) map[string]rule {
	return map[string]rule{
		"/pods":        podRule(s, proxy, seals),
		"/pods/exec":   on(admissionv1.Connect, func(o *corev1.PodExecOptions) field.ErrorList { return admit.Connect(o.Container, s) }),
		"/pods/attach": on(admissionv1.Connect, func(o *corev1.PodAttachOptions) field.ErrorList { return admit.Connect(o.Container, s) }),
		"/pods/portforward": on(admissionv1.Connect,
			func(o *corev1.PodPortForwardOptions) field.ErrorList { return admit.PortForward(o.Ports, s) }),
		liqoGroup + "/shadowpods": changed(shadowPodParts, func(p *shadowPod) field.ErrorList { return judgeShadowPod(p, s) }),
		"/services": against(func(o *corev1.Service) any { return []any{o.Spec, o.Annotations} },
			func(now, before *corev1.Service) field.ErrorList { return admit.Service(now, before, s) }),
		"networking.k8s.io/ingresses": changed(func(o *networkingv1.Ingress) any { return []any{o.Spec, o.Annotations} },
			func(o *networkingv1.Ingress) field.ErrorList { return admit.Ingress(o, s) }),
		"/persistentvolumeclaims": func(req admission.Request) (field.ErrorList, error) { return claimRule(s, req) },
		"/endpoints": unless(admit.EndpointWriters(), changed(endpointsParts,
			func(o *corev1.Endpoints) field.ErrorList { return admit.Endpoints(o.Subsets, s) })),
		"discovery.k8s.io/endpointslices": unless(admit.EndpointWriters(), changed(
			func(o *discoveryv1.EndpointSlice) any { return sliceParts(o.AddressType, o.Endpoints) },
			func(o *discoveryv1.EndpointSlice) field.ErrorList {
				return admit.EndpointSlice(o.AddressType, o.Endpoints, s, nil)
			})),
		liqoGroup + "/shadowendpointslices": changed(
			func(o *shadowEndpointSlice) any {
				return sliceParts(o.Spec.Template.AddressType, o.Spec.Template.Endpoints)
			},
			func(o *shadowEndpointSlice) field.ErrorList {
				return admit.EndpointSlice(o.Spec.Template.AddressType, o.Spec.Template.Endpoints, s, field.NewPath("spec", "template"))
			}),
		"/configmaps":                       owned,
		"networking.k8s.io/networkpolicies": owned,
	}
}

// podRule judges a pod as it will be stored: other webhooks may have changed it since it was injected, and a replica with other
// settings may have injected it.
func podRule(s admit.Settings, proxy inject.Settings, seals sealer) rule {
	return func(req admission.Request) (field.ErrorList, error) {
		return on(admissionv1.Create, func(o *corev1.Pod) field.ErrorList {
			proxy := proxy
			proxy.PriorityClasses, proxy.NodeSelector = s.PriorityClasses, s.NodeSelector
			proxy.Seal = seals.seal(req.Namespace)
			problems := append(admit.Pod(&o.ObjectMeta, &o.Spec, s, field.NewPath("spec")), inject.Judge(o, proxy)...)
			return append(problems, inject.Missing(o, proxy)...)
		})(req)
	}
}

func judgeShadowPod(p *shadowPod, s admit.Settings) field.ErrorList {
	path := field.NewPath("spec", "pod")
	problems := append(admit.Mark(&p.Metadata), admit.Pod(&p.Metadata, &p.Spec.Pod, s, path)...)
	problems = append(problems, admit.Priority(&p.Spec.Pod, s, path)...)
	return append(problems, inject.Brought(&p.Spec.Pod, path)...)
}

// claimRule trusts whose task it is with the volume of a claim that is there. Where Kubernetes' controllers share one
// identity, the claims that they make of pods' templates come from the same user: what is created is always judged.
func claimRule(s admit.Settings, req admission.Request) (field.ErrorList, error) {
	judged := func(o *corev1.PersistentVolumeClaim) any {
		class, set := o.Annotations[corev1.BetaStorageClassAnnotation]
		return []any{o.Spec, class, set}
	}
	judgeClaim := against(judged, func(now, before *corev1.PersistentVolumeClaim) field.ErrorList { return admit.Claim(now, before, s) })
	if req.Operation == admissionv1.Update {
		judgeClaim = unless(admit.Binders(), judgeClaim)
	}
	return judgeClaim(req)
}

func shadowPodParts(p *shadowPod) any { return []any{p.Spec.Pod, admit.JudgedMetadata(&p.Metadata)} }

func endpointsParts(o *corev1.Endpoints) any {
	var addresses []string
	for _, subset := range o.Subsets {
		for _, address := range slices.Concat(subset.Addresses, subset.NotReadyAddresses) {
			addresses = append(addresses, address.IP)
		}
	}
	return addresses
}

func sliceParts(kind discoveryv1.AddressType, endpoints []discoveryv1.Endpoint) any {
	parts := []string{string(kind)}
	for _, endpoint := range endpoints {
		parts = append(parts, endpoint.Addresses...)
	}
	return parts
}

func owned(req admission.Request) (field.ErrorList, error) {
	who := admit.Subject{User: req.UserInfo.Username, Groups: req.UserInfo.Groups}
	return admit.Owned(req.Kind.Kind, nameOf(req), admit.Operation(req.Operation), who), nil
}

// nameOf returns the name of the object itself: a request that deletes a whole collection bears none.
func nameOf(req admission.Request) string {
	object := struct {
		Metadata struct {
			Name string `json:"name"`
		} `json:"metadata"`
	}{}
	if json.Unmarshal(written(req), &object) == nil && object.Metadata.Name != "" {
		return object.Metadata.Name
	}
	return req.Name
}

// shownName returns what the author of an object knows it by, before it has a name of its own. Nothing is decided by it.
func shownName(req admission.Request) string {
	name, generateName := limits.Names(written(req))
	for _, shown := range []string{name, req.Name, generateName} {
		if shown != "" {
			return limits.Cut(shown, limits.MaxName)
		}
	}
	return ""
}

// written returns the object as it is written, or was where it is deleted.
func written(req admission.Request) []byte {
	if len(req.Object.Raw) > 0 {
		return req.Object.Raw
	}
	return req.OldObject.Raw
}
