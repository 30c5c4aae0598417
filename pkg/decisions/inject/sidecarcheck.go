package inject

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"data-space.liqo.io/pkg/values/apis"
)

func volumeIndex(list []corev1.Volume, name string) int {
	return slices.IndexFunc(list, func(v corev1.Volume) bool { return v.Name == name })
}

// Stored returns why a pod that is about to be stored has not what Inject gave it, once every other webhook is done with it. A pod that has exactly what
// these settings inject needs no seal; one that has not may be another replica's, which a seal shows.
func Stored(pod *corev1.Pod, s Settings) field.ErrorList {
	own := s
	own.Seal = Seal{}
	if len(judge(pod, own)) == 0 && len(missing(pod, own)) == 0 {
		return nil
	}
	return append(judge(pod, s), missing(pod, s)...)
}

// judge returns what in a pod, once every webhook is done with it, takes the proxy's place without being it.
func judge(pod *corev1.Pod, s Settings) field.ErrorList {
	path := field.NewPath("spec")
	if _, sealed := s.asSealed(pod); sealed {
		return judgeSealed(&pod.Spec, s, path)
	}
	return append(judgeSidecar(&pod.Spec, s, path), judgeOwnVolumes(pod.Spec.Volumes, s, path.Child("volumes"))...)
}

// judgeSealed judges the one part of a sealed proxy that the seal leaves open.
func judgeSealed(spec *corev1.PodSpec, s Settings, path *field.Path) field.ErrorList {
	index := sidecarIndex(spec.InitContainers)
	if index < 0 || s.judgeAmounts(spec.InitContainers[index].Resources) {
		return nil
	}
	return field.ErrorList{differs(path.Child("initContainers").Index(index), []string{"resources"})}
}

// missing returns what a pod lacks of what Inject gives it, once every other webhook is done with it: the proxy, first in
// line, the capabilities that all others lose, the mark of its guest, the selector of its nodes, the seccomp profile, and a priority that preempts no pod.
// Some other webhook has taken it away, or ours was never asked.
func missing(pod *corev1.Pod, s Settings) field.ErrorList {
	path := field.NewPath("spec")
	s, _ = s.asSealed(pod)
	problems := append(missingMark(pod.Annotations), missingPriority(&pod.Spec, s, path)...)
	problems = append(problems, missingNodeSelector(pod.Spec.NodeSelector, s, path.Child("nodeSelector"))...)
	if sidecarIndex(pod.Spec.InitContainers) != 0 {
		problems = append(problems, field.Forbidden(path.Child("initContainers"), "the proxy that Data Spacer injects is not the first one; "+
			"see that its MutatingWebhookConfiguration is there and that no other webhook changes the pod after it"))
	}
	for _, c := range tenantContainers(&pod.Spec, path) {
		if _, missing := dropped(c); len(missing) > 0 {
			problems = append(problems, field.Forbidden(c.path.Child("securityContext", "capabilities", "drop"), fmt.Sprintf(
				"%v is not dropped; another webhook has changed the container after Data Spacer, exempt foreign namespaces there", missing)))
		}
	}
	return append(problems, missingSeccomp(&pod.Spec, s, path)...)
}

// judgeSidecar refuses a container that bears the proxy's name among the init containers and is not what would be
// injected: the mutating phase has replaced the proxy that the pod brought, so another webhook has changed it since.
func judgeSidecar(spec *corev1.PodSpec, s Settings, path *field.Path) field.ErrorList {
	index := sidecarIndex(spec.InitContainers)
	if index < 0 {
		return nil
	}
	found, at := spec.InitContainers[index], path.Child("initContainers").Index(index)
	if !s.judgeAmounts(found.Resources) {
		return field.ErrorList{differs(at, []string{"resources"})}
	}
	// The amounts were made to fit the namespace and the pod. The proxy's heap follows them, and is part of its command.
	s.Limits, s.Requests = found.Resources.Limits, found.Resources.Requests
	ours := Sidecar(s)
	ours.Resources = found.Resources
	if differing := differences(expected(found, ours), ours); len(differing) > 0 {
		return field.ErrorList{differs(at, differing)}
	}
	return nil
}

func differs(at *field.Path, differing []string) *field.Error {
	return field.Forbidden(at, fmt.Sprintf(
		"the container %s differs from the proxy that Data Spacer injects in %s; remove it from the pod, it is added by itself "+
			"(when another webhook changes it, exempt this container there)", apis.ProxyContainerName, strings.Join(differing, ", ")))
}

// Brought refuses the proxy and its volumes in what pods are made of: the author of a ShadowPod has no reason to include them.
func Brought(spec *corev1.PodSpec, path *field.Path) field.ErrorList {
	problems := judgeOwnVolumes(spec.Volumes, Settings{}, path.Child("volumes"))
	if len(judgeOwnVolumes(spec.Volumes, Settings{Module: true}, path.Child("volumes"))) == 0 {
		problems = nil // the volumes of either kind of proxy are what a pod was given here
	}
	if index := sidecarIndex(spec.InitContainers); index >= 0 {
		problems = append(problems, field.Forbidden(path.Child("initContainers").Index(index), fmt.Sprintf(
			"the container %s is Data Spacer's own; remove it, the pod gets it by itself", apis.ProxyContainerName)))
	}
	return problems
}

// expected returns c with what other admission plugins may rightly change set to what ours has: the pull policy
// (AlwaysPullImages), and amounts of ordinary resources that ours leaves open (LimitRanger's defaults). Amounts that ours
// names count: a proxy with less memory would lose its record.
func expected(c, ours corev1.Container) corev1.Container {
	c.ImagePullPolicy = ours.ImagePullPolicy
	c.Resources.Requests = withoutDefaults(c.Resources.Requests, ours.Resources.Requests)
	c.Resources.Limits = withoutDefaults(c.Resources.Limits, ours.Resources.Limits)
	return c
}

func withoutDefaults(list, ours corev1.ResourceList) corev1.ResourceList {
	rest := maps.Clone(list)
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceEphemeralStorage} {
		if _, named := ours[name]; !named {
			delete(rest, name)
		}
	}
	return rest
}

// judgeOwnVolumes refuses volumes that bear a name of the proxy's and are of another kind.
func judgeOwnVolumes(list []corev1.Volume, s Settings, path *field.Path) field.ErrorList {
	var problems field.ErrorList
	for _, ours := range s.volumes() {
		index := volumeIndex(list, ours.Name)
		if index < 0 || apiequality.Semantic.DeepEqual(list[index], ours) {
			continue
		}
		problems = append(problems, field.Forbidden(path.Index(index), fmt.Sprintf(
			"the volume name %s belongs to the proxy that Data Spacer injects; rename the volume", ours.Name)))
	}
	return problems
}

// differences names the fields in which two containers differ, sorted.
func differences(a, b corev1.Container) []string {
	if apiequality.Semantic.DeepEqual(a, b) {
		return nil
	}
	left, right := fields(a), fields(b)
	all := maps.Clone(left)
	maps.Copy(all, right)
	return slices.DeleteFunc(slices.Sorted(maps.Keys(all)), func(name string) bool {
		return left[name] == right[name]
	})
}

// fields returns the container's fields, each as JSON.
func fields(c corev1.Container) map[string]string {
	raw := map[string]json.RawMessage{}
	// Neither step can fail: a container is plain data, and its JSON an object.
	data, _ := json.Marshal(c)
	_ = json.Unmarshal(data, &raw)
	text := map[string]string{}
	for name, value := range raw {
		text[name] = string(value)
	}
	return text
}
