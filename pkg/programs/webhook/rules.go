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
	book := ways()
	book["/pods"] = func(s admit.Settings) rule { return podRule(s, proxy, seals) }
	book[liqoGroup+"/shadowpods"] = func(s admit.Settings) rule {
		return changed(shadowPodParts, func(p *shadowPod) field.ErrorList { return judgeShadowPod(p, s) })
	}
	book["/pods/exec"] = func(s admit.Settings) rule {
		return on(admissionv1.Connect, func(o *corev1.PodExecOptions) field.ErrorList { return admit.Connect(o.Container, s) })
	}
	book["/pods/attach"] = func(s admit.Settings) rule {
		return on(admissionv1.Connect, func(o *corev1.PodAttachOptions) field.ErrorList { return admit.Connect(o.Container, s) })
	}
	book["/pods/portforward"] = func(s admit.Settings) rule {
		return on(admissionv1.Connect, func(o *corev1.PodPortForwardOptions) field.ErrorList { return admit.PortForward(o.Ports, s) })
	}
	guards := func(admit.Settings) rule { return owned }
	book["/configmaps"], book["networking.k8s.io/networkpolicies"] = guards, guards
	return book
}

// ways are the rules about objects that lead to pods, or from pods to somewhere.
func ways() map[string]func(admit.Settings) rule {
	return map[string]func(admit.Settings) rule{
		"/services": func(s admit.Settings) rule {
			return against(func(o *corev1.Service) any { return []any{o.Spec, o.Annotations} },
				func(now, before *corev1.Service) field.ErrorList { return admit.Service(now, before, s) })
		},
		"networking.k8s.io/ingresses": func(s admit.Settings) rule {
			return changed(func(o *networkingv1.Ingress) any { return []any{o.Spec, o.Annotations} },
				func(o *networkingv1.Ingress) field.ErrorList { return admit.Ingress(o, s) })
		},
		"/persistentvolumeclaims": func(s admit.Settings) rule {
			return func(req admission.Request) (field.ErrorList, error) { return claimRule(s, req) }
		},
		"/endpoints": func(s admit.Settings) rule {
			return unless(admit.EndpointWriters(), changed(endpointsParts, func(o *corev1.Endpoints) field.ErrorList { return admit.Endpoints(o.Subsets, s) }))
		},
		"discovery.k8s.io/endpointslices": func(s admit.Settings) rule {
			return unless(admit.EndpointWriters(), changed(func(o *discoveryv1.EndpointSlice) any { return sliceParts(o.AddressType, o.Endpoints) },
				func(o *discoveryv1.EndpointSlice) field.ErrorList {
					return admit.EndpointSlice(o.AddressType, o.Endpoints, s, nil)
				}))
		},
		liqoGroup + "/shadowendpointslices": func(s admit.Settings) rule {
			return changed(func(o *shadowEndpointSlice) any {
				return sliceParts(o.Spec.Template.AddressType, o.Spec.Template.Endpoints)
			},
				func(o *shadowEndpointSlice) field.ErrorList {
					return admit.EndpointSlice(o.Spec.Template.AddressType, o.Spec.Template.Endpoints, s, field.NewPath("spec", "template"))
				})
		},
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
			return append(admit.Pod(&o.ObjectMeta, &o.Spec, s, field.NewPath("spec")), inject.Stored(o, proxy)...)
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
