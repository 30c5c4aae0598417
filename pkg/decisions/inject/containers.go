package inject

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"data-space.liqo.io/pkg/values/apis"
)

// located is a container and the place in the pod where it was found.
type located struct {
	*corev1.Container
	path *field.Path
}

// tenantContainers lists every container that is not the proxy: containers, init containers and ephemeral ones. A name
// alone makes no proxy of a container: whether it is ours is judgeSidecar's to say.
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
	for i := range spec.EphemeralContainers {
		common := corev1.Container(spec.EphemeralContainers[i].EphemeralContainerCommon)
		all = append(all, located{&common, path.Child("ephemeralContainers").Index(i)})
	}
	return all
}

// judgeContainer returns what in a tenant's container defeats the redirect or reaches for the proxy.
func judgeContainer(c located) field.ErrorList {
	var problems field.ErrorList
	if c.Name == apis.ProxyContainerName {
		problems = append(problems, field.Forbidden(c.path.Child("name"),
			"this name belongs to the proxy that Data Spacer injects; rename the container"))
	}
	for i, mount := range c.VolumeMounts {
		if mount.Name == apis.ProxyConfigVolume || mount.Name == apis.ProxyRuntimeVolume {
			problems = append(problems, field.Forbidden(c.path.Child("volumeMounts").Index(i).Child("name"),
				"this volume is the proxy's own; remove the mount"))
		}
	}
	return append(problems, judgeSecurity(c.SecurityContext, c.path.Child("securityContext"))...)
}

func judgeSecurity(sc *corev1.SecurityContext, path *field.Path) field.ErrorList {
	if sc == nil {
		return nil
	}
	var problems field.ErrorList
	if sc.Privileged != nil && *sc.Privileged {
		problems = append(problems, field.Forbidden(path.Child("privileged"),
			"a privileged container can undo the redirect through its proxy; remove privileged"))
	}
	problems = append(problems, judgeID(sc.RunAsUser, path.Child("runAsUser"))...)
	problems = append(problems, judgeID(sc.RunAsGroup, path.Child("runAsGroup"))...)
	if sc.Capabilities == nil {
		return problems
	}
	for i, capability := range sc.Capabilities.Add {
		if slices.Contains(refusedCapabilities(), canonical(capability)) {
			problems = append(problems, field.Forbidden(path.Child("capabilities", "add").Index(i),
				fmt.Sprintf("%s can undo or pass by the redirect through the proxy; remove it", capability)))
		}
	}
	return problems
}

// refusedCapabilities lists what reaches the pod's network stack, other processes or the kernel (capabilities(7)).
func refusedCapabilities() []corev1.Capability {
	return []corev1.Capability{"ALL", "NET_RAW", "NET_ADMIN", "SYS_ADMIN", "SYS_PTRACE", "SYS_MODULE", "BPF"}
}

// lostCapabilities lists what every tenant container drops: both pass every iptables rule of the pod by.
func lostCapabilities() []corev1.Capability {
	return []corev1.Capability{"NET_RAW", "NET_ADMIN"}
}

// canonical writes a capability as runtimes read it: in capitals, without the prefix.
func canonical(c corev1.Capability) corev1.Capability {
	return corev1.Capability(strings.TrimPrefix(strings.ToUpper(string(c)), "CAP_"))
}

// dropCapabilities adds what is missing to the container's drop list and leaves everything else in its securityContext.
func dropCapabilities(p *patch, c located) {
	var present []corev1.Capability
	at := c.path.Child("securityContext")
	if c.SecurityContext != nil && c.SecurityContext.Capabilities != nil {
		present = c.SecurityContext.Capabilities.Drop
	}
	if slices.Contains(present, "ALL") {
		return
	}
	missing := slices.DeleteFunc(lostCapabilities(), func(lost corev1.Capability) bool {
		return slices.Contains(present, lost)
	})
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

// appendAll adds values at the end of the list at path, which has length elements.
func appendAll[T any](p *patch, path string, length int, values []T) {
	for i, value := range values {
		p.appendTo(path, length+i, value)
	}
}
