package admit

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// judgeSysctls refuses the sizes of TCP's buffers, which the Pod Security level baseline allows: they hold for the proxy's sockets
// as well, and the kernel counts what waits in these as the proxy's memory. With large ones a few connections exhaust its limit.
func judgeSysctls(sc *corev1.PodSecurityContext, path *field.Path) field.ErrorList {
	if sc == nil {
		return nil
	}
	var problems field.ErrorList
	for i, sysctl := range sc.Sysctls {
		if slices.Contains(bufferSysctls(), sysctl.Name) {
			problems = append(problems, field.Forbidden(path.Child("sysctls").Index(i).Child("name"),
				"it sets how much memory the proxy's connections take; remove it"))
		}
	}
	return problems
}

func bufferSysctls() []string { return []string{"net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"} }
