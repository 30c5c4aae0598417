package admit

import (
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// judgePodResources judges what a pod asks for as a whole, beside what its containers do.
func judgePodResources(spec *corev1.PodSpec, s Settings, path *field.Path) field.ErrorList {
	problems := judgeResources(spec.Overhead, s, path.Child("overhead"))
	if spec.Resources == nil {
		return problems
	}
	at := path.Child("resources")
	problems = append(problems, judgeResources(spec.Resources.Limits, s, at.Child("limits"))...)
	problems = append(problems, judgeResources(spec.Resources.Requests, s, at.Child("requests"))...)
	return append(problems, judgeClaims(spec.Resources.Claims, at.Child("claims"))...)
}

// judgeRequirements judges what a container asks for.
func judgeRequirements(r corev1.ResourceRequirements, s Settings, path *field.Path) field.ErrorList {
	problems := judgeResources(r.Limits, s, path.Child("limits"))
	problems = append(problems, judgeResources(r.Requests, s, path.Child("requests"))...)
	return append(problems, judgeClaims(r.Claims, path.Child("claims"))...)
}

func judgeClaims(claims []corev1.ResourceClaim, path *field.Path) field.ErrorList {
	if len(claims) == 0 {
		return nil
	}
	return field.ErrorList{field.Forbidden(path, "a device of the node can carry packets past the proxy; remove the claims")}
}

// judgeResources refuses extended resources that the Hospital has not named: behind one may stand a network device.
func judgeResources(list corev1.ResourceList, s Settings, path *field.Path) field.ErrorList {
	var problems field.ErrorList
	for _, name := range slices.Sorted(maps.Keys(list)) {
		if strings.Contains(string(name), "/") && !slices.Contains(s.Devices, string(name)) {
			problems = append(problems, field.Forbidden(path.Key(string(name)), "a device of the node can carry packets past the proxy; "+
				"remove it, or have the Hospital name it in "+s.grantedBy("workload.devices", "--devices")))
		}
	}
	return problems
}
