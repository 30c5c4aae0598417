package admit

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"data-space.liqo.io/pkg/values/apis"
)

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

func judgeContainerUser(sc *corev1.SecurityContext, path *field.Path) field.ErrorList {
	if sc == nil {
		return nil
	}
	return append(judgeID(sc.RunAsUser, path.Child("runAsUser")), judgeID(sc.RunAsGroup, path.Child("runAsGroup"))...)
}

func judgeID(id *int64, path *field.Path) field.ErrorList {
	if id == nil || *id != apis.ProxyUID {
		return nil
	}
	return field.ErrorList{field.Invalid(path, *id, fmt.Sprintf("%d is the proxy's own user and group; choose another", apis.ProxyUID))}
}
