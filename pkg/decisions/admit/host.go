package admit

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"data-space.liqo.io/pkg/values/apis"
)

// systemClasses begins the names of the PriorityClasses that Kubernetes keeps for a cluster's own pods.
const systemClasses = "system-"

// forbidder collects what is forbidden at fields below a path.
type forbidder struct {
	path     *field.Path
	problems field.ErrorList
}

func (f *forbidder) when(condition bool, name, reason string) {
	if condition {
		f.problems = append(f.problems, field.Forbidden(f.path.Child(name), reason))
	}
}

// judgeHost refuses pods that share something with the node or among their processes which the redirect rests on.
func judgeHost(spec *corev1.PodSpec, path *field.Path) field.ErrorList {
	f := forbidder{path: path}
	f.when(spec.HostNetwork, "hostNetwork", "a pod in the node's own network cannot be redirected through its proxy; remove hostNetwork")
	f.when(spec.HostPID, "hostPID", "a pod that sees the node's processes can reach its proxy and others; remove hostPID")
	f.when(spec.HostIPC, "hostIPC", "a pod in the node's own IPC namespace can reach beyond its proxy; remove hostIPC")
	f.when(isTrue(spec.ShareProcessNamespace), "shareProcessNamespace",
		"containers that share processes can reach the proxy's; remove shareProcessNamespace")
	f.when(spec.HostUsers != nil && !*spec.HostUsers, "hostUsers",
		"the kernel cannot match the proxy's user in a pod with a user namespace of its own; remove hostUsers: false")
	f.when(len(spec.ResourceClaims) > 0, "resourceClaims",
		"a device of the node can carry packets past the proxy; remove the claims")
	if spec.OS != nil && spec.OS.Name == corev1.Windows {
		f.problems = append(f.problems, field.NotSupported(path.Child("os", "name"), spec.OS.Name, []corev1.OSName{corev1.Linux}))
	}
	return f.problems
}

// judgePlace refuses pods that choose where and in what they run when that is the Hospital's to choose.
func judgePlace(spec *corev1.PodSpec, s Settings, path *field.Path) field.ErrorList {
	f := forbidder{path: path}
	if name := spec.RuntimeClassName; name != nil && *name != "" && !slices.Contains(s.RuntimeClasses, *name) {
		f.when(true, "runtimeClassName", fmt.Sprintf("the runtime behind %s may have a network stack that the rules do not see; "+
			"remove it, or have the Hospital name it in %s", *name, s.grantedBy("workload.runtimeClasses", "--runtime-classes")))
	}
	f.when(spec.NodeName != "", "nodeName",
		"a pod that names its node passes by the scheduler and the nodes' taints; remove nodeName, nodeSelector and affinity serve as well")
	f.when(strings.HasPrefix(spec.PriorityClassName, systemClasses), "priorityClassName",
		"this priority drives out the cluster's own pods; choose a class that does not begin with system-")
	if value, set := spec.NodeSelector[apis.LabelEnforced]; set && value != apis.EnforcedTrue {
		f.problems = append(f.problems, field.Forbidden(path.Child("nodeSelector").Key(apis.LabelEnforced),
			"foreign pods run on nodes whose agent is ready only; remove it, it is added by itself"))
	}
	for _, key := range slices.Sorted(maps.Keys(s.NodeSelector)) {
		if value, set := spec.NodeSelector[key]; set && value != s.NodeSelector[key] {
			f.problems = append(f.problems, field.Forbidden(path.Child("nodeSelector").Key(key), fmt.Sprintf("pods of this guest run on nodes with %s=%s only; "+
				"remove it, it is added by itself, or have the Hospital change %s", key, s.NodeSelector[key], s.grantedBy("scheduling.nodeSelector", ""))))
		}
	}
	for i, toleration := range spec.Tolerations {
		if reason := tooTolerant(toleration, s); reason != "" {
			f.problems = append(f.problems, field.Forbidden(path.Child("tolerations").Index(i), reason))
		}
	}
	return f.problems
}

func isTrue(b *bool) bool { return b != nil && *b }
