package admit

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"data-space.liqo.io/pkg/values/apis"
)

// Connect judges exec and attach: the proxy's container allows neither, where a socket counts as the proxy's. No name means
// the pod's only container, which is never an init container and so never the proxy.
func Connect(container string, s Settings) field.ErrorList {
	problems := s.suspended()
	if s.NoExec {
		problems = append(problems, field.Forbidden(field.NewPath("container"), noExec(s)))
	}
	if container == apis.ProxyContainerName {
		problems = append(problems, field.Forbidden(field.NewPath("container"),
			"the proxy of a foreign pod allows no exec or attach; name another container, and read the proxy's log for what it does"))
	}
	return problems
}

// noExec is the reason for refusing exec, attach and ephemeral containers.
func noExec(s Settings) string {
	return "the Hospital allows no exec, attach or ephemeral container in this guest's pods; have it set " + s.grantedBy("workload.exec", "") + " to Allowed"
}

// PortForward judges the ports that a request names. Most clients name them only once they are connected, where no
// admission sees them: the rules in the pod close the proxy's ports by themselves.
func PortForward(ports []int32, s Settings) field.ErrorList {
	problems := s.suspended()
	if s.NoPortForward {
		problems = append(problems, field.Forbidden(field.NewPath("ports"),
			"the Hospital allows no port-forward to this guest's pods; have it set "+s.grantedBy("workload.portForward", "")+" to Allowed"))
	}
	for i, port := range ports {
		if ofProxy(corev1.ProtocolTCP, int64(port)) {
			problems = append(problems, field.Forbidden(field.NewPath("ports").Index(i),
				fmt.Sprintf("%d is a port of the proxy; forward one of the application's", port)))
		}
	}
	return problems
}

// suspended refuses what a guest creates or enters while it is suspended.
func (s Settings) suspended() field.ErrorList {
	if s.SuspendedGuest == "" {
		return nil
	}
	return field.ErrorList{field.Forbidden(field.NewPath("metadata", "namespace"), fmt.Sprintf(
		"guest %q is suspended: its pods are closed and no new one starts; the Hospital ends this by %s, set to Active",
		s.SuspendedGuest, s.grantedBy("state", "")))}
}
