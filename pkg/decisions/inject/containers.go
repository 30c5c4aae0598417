package inject

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// located is a container and the place in the pod where it was found.
type located struct {
	*corev1.Container
	path *field.Path
}

// tenantContainers lists every container that is not the proxy: containers, init containers and ephemeral ones. A name
// alone makes no proxy of a container: whether it is ours is Stored's to say.
func tenantContainers(spec *corev1.PodSpec, path *field.Path) []located {
	var all []located
	for i := range spec.Containers {
		all = append(all, located{&spec.Containers[i], path.Child("containers").Index(i)})
	}
	ours := sidecarIndex(spec.InitContainers)
	for i := range spec.InitContainers {
		if i != ours {
			all = append(all, located{&spec.InitContainers[i], path.Child("initContainers").Index(i)})
		}
	}
	return append(all, ephemeralContainers(spec, path)...)
}

func ephemeralContainers(spec *corev1.PodSpec, path *field.Path) []located {
	var all []located
	for i := range spec.EphemeralContainers {
		common := corev1.Container(spec.EphemeralContainers[i].EphemeralContainerCommon)
		all = append(all, located{&common, path.Child("ephemeralContainers").Index(i)})
	}
	return all
}

// lostCapabilities lists what every tenant container drops: both pass every iptables rule of the pod by.
func lostCapabilities() []corev1.Capability {
	return []corev1.Capability{"NET_RAW", "NET_ADMIN"}
}

// dropCapabilities adds what is missing to the container's drop list and leaves everything else in its securityContext.
func dropCapabilities(p *patch, c located) {
	at := c.path.Child("securityContext")
	present, missing := dropped(c)
	switch {
	case len(missing) == 0:
	case c.SecurityContext == nil:
		p.add(pointer(at), map[string]any{"capabilities": map[string]any{"drop": missing}})
	case c.SecurityContext.Capabilities == nil:
		p.add(pointer(at.Child("capabilities")), map[string]any{"drop": missing})
	default:
		appendAll(p, pointer(at.Child("capabilities", "drop")), len(present), missing)
	}
}

// dropped returns what the container drops, and what is missing of what it must drop. Only the exact words count: to a
// runtime another spelling may be another capability, or none.
func dropped(c located) (present, missing []corev1.Capability) {
	if c.SecurityContext != nil && c.SecurityContext.Capabilities != nil {
		present = c.SecurityContext.Capabilities.Drop
	}
	if slices.Contains(present, "ALL") {
		return present, nil
	}
	return present, slices.DeleteFunc(lostCapabilities(), func(lost corev1.Capability) bool { return slices.Contains(present, lost) })
}

// appendAll adds values at the end of the list at path, which has length elements.
func appendAll[T any](p *patch, path string, length int, values []T) {
	for i, value := range values {
		p.appendTo(path, length+i, value)
	}
}
