package inject

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"data-space.liqo.io/pkg/values/apis"
)

// judgeHost refuses pods that share something with the node or among their processes which the redirect rests on.
func judgeHost(spec *corev1.PodSpec, path *field.Path) field.ErrorList {
	var problems field.ErrorList
	forbid := func(when bool, name, reason string) {
		if when {
			problems = append(problems, field.Forbidden(path.Child(name), reason))
		}
	}
	forbid(spec.HostNetwork, "hostNetwork", "a pod in the node's own network cannot be redirected through its proxy; remove hostNetwork")
	forbid(spec.HostPID, "hostPID", "a pod that sees the node's processes can reach its proxy and others; remove hostPID")
	forbid(spec.HostIPC, "hostIPC", "a pod in the node's own IPC namespace can reach beyond its proxy; remove hostIPC")
	forbid(spec.ShareProcessNamespace != nil && *spec.ShareProcessNamespace, "shareProcessNamespace",
		"containers that share processes can reach the proxy's; remove shareProcessNamespace")
	forbid(spec.HostUsers != nil && !*spec.HostUsers, "hostUsers",
		"the kernel cannot match the proxy's user in a pod with a user namespace of its own; remove hostUsers: false")
	if spec.OS != nil && spec.OS.Name == corev1.Windows {
		problems = append(problems, field.NotSupported(path.Child("os", "name"), spec.OS.Name, []corev1.OSName{corev1.Linux}))
	}
	return problems
}

// judgePodUser refuses the proxy's user and group as the pod's.
func judgePodUser(sc *corev1.PodSecurityContext, path *field.Path) field.ErrorList {
	if sc == nil {
		return nil
	}
	problems := judgeID(sc.RunAsUser, path.Child("runAsUser"))
	problems = append(problems, judgeID(sc.RunAsGroup, path.Child("runAsGroup"))...)
	problems = append(problems, judgeID(sc.FSGroup, path.Child("fsGroup"))...)
	for i := range sc.SupplementalGroups {
		problems = append(problems, judgeID(&sc.SupplementalGroups[i], path.Child("supplementalGroups").Index(i))...)
	}
	return problems
}

func judgeID(id *int64, path *field.Path) field.ErrorList {
	if id == nil || *id != apis.ProxyUID {
		return nil
	}
	return field.ErrorList{field.Invalid(path, *id, fmt.Sprintf("%d is the proxy's own user and group; choose another", apis.ProxyUID))}
}

// judgeVolumes refuses the node's files, and volumes that bear the names of the proxy's without being them.
func judgeVolumes(list []corev1.Volume, path *field.Path) field.ErrorList {
	var problems field.ErrorList
	for i := range list {
		if list[i].HostPath != nil {
			problems = append(problems, field.Forbidden(path.Index(i).Child("hostPath"),
				"the node's files can undo the redirect through the proxy; use another kind of volume"))
		}
	}
	return append(problems, judgeOwnVolumes(list, path)...)
}
