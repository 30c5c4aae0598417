package admit

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"data-space.liqo.io/pkg/values/apis"
)

// Pod returns why a pod cannot be made safe in a foreign namespace: every reason at once, each with its path and the way
// out. The specification stands at path, of a Pod or of an object that brings one (a ShadowPod); the labels and
// annotations are that object's, which its pod will bear. The proxy's own container is not judged here.
func Pod(meta *metav1.ObjectMeta, spec *corev1.PodSpec, s Settings, path *field.Path) field.ErrorList {
	problems := append(s.suspended(), judgeMetadata(meta, spec, s)...)
	problems = append(problems, judgeHost(spec, path)...)
	problems = append(problems, judgePlace(spec, s, path)...)
	problems = append(problems, judgePodResources(spec, s, path)...)
	problems = append(problems, judgePodUser(spec.SecurityContext, path.Child("securityContext"))...)
	problems = append(problems, judgeSysctls(spec.SecurityContext, path.Child("securityContext"))...)
	if spec.SecurityContext != nil {
		problems = append(problems, judgeSeccomp(spec.SecurityContext.SeccompProfile, s, path.Child("securityContext", "seccompProfile"))...)
	}
	problems = append(problems, judgeVolumes(spec.Volumes, s, path.Child("volumes"))...)
	containers := tenantContainers(spec, path)
	for _, c := range containers {
		problems = append(problems, judgeContainer(c, s)...)
	}
	return append(problems, judgeStandards(spec, containers, s, path)...)
}

// EphemeralContainers judges those that an update adds to a pod. The ones that are there already stay: they cannot be
// taken out, and must not hold up what comes later.
func EphemeralContainers(now, before *corev1.Pod, s Settings) field.ErrorList {
	path := field.NewPath("spec")
	added := slices.DeleteFunc(ephemeralContainers(&now.Spec, path), func(c located) bool {
		return slices.ContainsFunc(before.Spec.EphemeralContainers, func(e corev1.EphemeralContainer) bool { return e.Name == c.Name })
	})
	if len(added) == 0 {
		return nil
	}
	problems := s.suspended()
	for _, c := range added {
		if s.NoExec {
			problems = append(problems, field.Forbidden(c.path, noExec(s)))
		}
		problems = append(problems, judgeContainer(c, s)...)
	}
	// The pod's own part was judged when it came.
	return append(problems, judgeContainerStandards(now.Spec, added, s)...)
}

func ephemeralContainers(spec *corev1.PodSpec, path *field.Path) []located {
	var all []located
	for i := range spec.EphemeralContainers {
		common := corev1.Container(spec.EphemeralContainers[i].EphemeralContainerCommon)
		all = append(all, located{
			Container: &common, target: spec.EphemeralContainers[i].TargetContainerName, path: path.Child("ephemeralContainers").Index(i),
		})
	}
	return all
}

// tenantContainers lists every container that is not the proxy: containers, init containers and ephemeral ones. The first
// init container with the proxy's name is taken for the proxy here; whether it is ours is package inject's to say.
func tenantContainers(spec *corev1.PodSpec, path *field.Path) []located {
	var all []located
	for i := range spec.Containers {
		all = append(all, located{Container: &spec.Containers[i], path: path.Child("containers").Index(i)})
	}
	ours := slices.IndexFunc(spec.InitContainers, func(c corev1.Container) bool { return c.Name == apis.ProxyContainerName })
	for i := range spec.InitContainers {
		if i != ours {
			all = append(all, located{Container: &spec.InitContainers[i], path: path.Child("initContainers").Index(i)})
		}
	}
	return append(all, ephemeralContainers(spec, path)...)
}
