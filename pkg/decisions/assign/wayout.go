package assign

import (
	"fmt"

	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/workload"
)

// WayOut tells what a person can do about a proxy that does not run, by the kubelet's reason.
func WayOut(namespace, name string, s workload.Stall) string {
	switch s.Reason {
	case "ImagePullBackOff", "ErrImagePull", "ErrImageNeverPull", "InvalidImageName", "ImageInspectError", "RegistryUnavailable":
		return "Check the proxy image that the webhook injects, and that this node can pull it."
	case "CrashLoopBackOff", "RunContainerError", "StartError":
		return fmt.Sprintf("See what it said: kubectl logs -n %s %s -c %s --previous; its configuration is ConfigMap %s.",
			namespace, name, apis.ProxyContainerName, apis.EnvoyConfigMapName)
	case "CreateContainerConfigError", "CreateContainerError":
		return fmt.Sprintf("Check that ConfigMap %s exists in namespace %s: the controller (deployment %s in %s) makes it.",
			apis.EnvoyConfigMapName, namespace, apis.ControllerName, apis.SystemNamespace)
	default:
		return fmt.Sprintf("See kubectl describe pod -n %s %s.", namespace, name)
	}
}
