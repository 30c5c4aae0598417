package admit

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"data-space.liqo.io/pkg/values/apis"
)

// judgeContainer returns what in a tenant's container reaches for the proxy or for the node's devices. What the Pod
// Security Standards say of it is judgeStandards' part.
func judgeContainer(c located, s Settings) field.ErrorList {
	f := forbidder{path: c.path}
	f.when(c.Name == apis.ProxyContainerName, "name", "this name belongs to the proxy that Data Spacer injects; rename the container")
	f.when(c.target == apis.ProxyContainerName, "targetContainerName", "no container may share the proxy's processes; target another container")
	for i, mount := range c.VolumeMounts {
		if mount.Name == apis.ProxyConfigVolume || mount.Name == apis.ProxyRuntimeVolume {
			f.problems = append(f.problems, field.Forbidden(c.path.Child("volumeMounts").Index(i).Child("name"),
				"this volume is the proxy's own; remove the mount"))
		}
	}
	for i, port := range c.Ports {
		if ofProxy(port.Protocol, int64(port.ContainerPort)) {
			f.problems = append(f.problems, field.Forbidden(c.path.Child("ports").Index(i).Child("containerPort"),
				fmt.Sprintf("%d is a port of the proxy; let the application listen on another one", port.ContainerPort)))
		}
	}
	f.problems = append(f.problems, judgeContainerUser(c.SecurityContext, c.path.Child("securityContext"))...)
	if c.SecurityContext != nil {
		f.problems = append(f.problems, judgeSeccomp(c.SecurityContext.SeccompProfile, s, c.path.Child("securityContext", "seccompProfile"))...)
	}
	return append(f.problems, judgeRequirements(c.Resources, s, c.path.Child("resources"))...)
}

// ofProxy reports whether a port inside a foreign pod is one of its proxy's.
func ofProxy(protocol corev1.Protocol, port int64) bool {
	switch protocol {
	case corev1.ProtocolUDP:
		return port == int64(apis.PortDNS)
	case corev1.ProtocolSCTP:
		return false
	default:
		return slices.ContainsFunc(apis.ProxyPorts(), func(own uint16) bool { return int64(own) == port })
	}
}

// located is a container and the place in the pod where it was found.
type located struct {
	*corev1.Container
	// target is the container whose processes an ephemeral one sees.
	target string
	path   *field.Path
}
