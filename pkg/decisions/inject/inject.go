package inject

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"data-space.liqo.io/pkg/values/apis"
)

// Result is what a pod that may be made safe needs.
type Result struct {
	// Patch turns the pod into the injected one (RFC 6902). It is empty for a pod that has all it needs already, and
	// touches only what it adds: fields that this program does not know stay as they are.
	Patch []Operation
	// Warnings tell the author of the pod about something left undone.
	Warnings []string
}

// Inject decides what one pod of a foreign namespace needs. Either it is refused, or the patch makes it one that has
// today's proxy: one that the pod brings (out of a backup, or from a replica with other settings) is replaced. What else
// such a pod may not have is package admit's part. Inject(Inject(pod)) is Inject(pod).
func Inject(pod *corev1.Pod, s Settings) (Result, field.ErrorList) {
	path := field.NewPath("spec")
	s, problems := s.fitted(&pod.Spec, path)
	problems = append(judgeMark(pod.Annotations, s.Guest), problems...)
	if sidecarIndex(pod.Spec.InitContainers) < 0 {
		problems = append(problems, judgeOwnVolumes(pod.Spec.Volumes, s, path.Child("volumes"))...)
	}
	if len(problems) > 0 {
		return Result{}, problems
	}
	p, proxy := &patch{}, Sidecar(s)
	addLabel(p, pod.Labels)
	addMark(p, pod.Annotations, s.Guest)
	addNodeSelector(p, pod.Spec.NodeSelector, s.nodeLabels(), path.Child("nodeSelector"))
	setSeccomp(p, &pod.Spec, s, path)
	warnings := addPriority(p, &pod.Spec, s, path)
	warnings = append(warnings, changeContainers(p, &pod.Spec, s, path)...)
	warnings = append(warnings, s.Room.quotaWarnings(proxy.Resources)...)
	addVolumes(p, pod.Spec.Volumes, s, path.Child("volumes"))
	addSeal(p, pod, proxy, s)
	// Last, since it moves the indexes of the init containers that the operations before it name.
	warnings = append(warnings, placeSidecar(p, &pod.Spec, proxy, path)...)
	return Result{Patch: p.operations, Warnings: warnings}, nil
}

// Ephemeral takes the same capabilities from the ephemeral containers that an update adds to a pod, and sets the seccomp
// profile of those that name the runtime's own.
func Ephemeral(now, before *corev1.Pod, s Settings) Result {
	p := &patch{}
	for _, c := range ephemeralContainers(&now.Spec, field.NewPath("spec")) {
		if !slices.ContainsFunc(before.Spec.EphemeralContainers, func(e corev1.EphemeralContainer) bool { return e.Name == c.Name }) {
			dropCapabilities(p, c)
			setContainerSeccomp(p, c, s)
		}
	}
	return Result{Patch: p.operations}
}

// LabelWarnings names the labels of a namespace whose value is not understood, what was assumed, and what is accepted.
func LabelWarnings(labels map[string]string) []string {
	assumed := map[string]string{
		apis.LabelApplyWebhook: "taken as true: the proxy is injected",
		apis.LabelHTTPProxy:    "taken as false: no http_proxy is set",
	}
	var warnings []string
	for _, name := range []string{apis.LabelApplyWebhook, apis.LabelHTTPProxy} {
		if value, set := labels[name]; set && value != "true" && value != "false" {
			warnings = append(warnings, fmt.Sprintf("namespace label %s=%q is %s; accepted values are true and false",
				name, value, assumed[name]))
		}
	}
	return warnings
}

func addLabel(p *patch, labels map[string]string) {
	if _, set := labels[apis.LabelNetpolAllow]; set {
		return
	}
	if len(labels) == 0 {
		p.add("/metadata/labels", map[string]string{apis.LabelNetpolAllow: "true"})
		return
	}
	p.add("/metadata/labels/"+escape(apis.LabelNetpolAllow), "true")
}

func changeContainers(p *patch, spec *corev1.PodSpec, s Settings, path *field.Path) []string {
	var warnings []string
	for _, c := range tenantContainers(spec, path) {
		dropCapabilities(p, c)
		if s.HTTPProxy {
			warnings = append(warnings, addHTTPProxy(p, c)...)
		}
	}
	return warnings
}

// addVolumes adds the proxy's volumes; one of another kind, which came with a proxy that is replaced, is replaced as well.
func addVolumes(p *patch, present []corev1.Volume, s Settings, path *field.Path) {
	count := len(present)
	for _, wanted := range s.volumes() {
		switch index := volumeIndex(present, wanted.Name); {
		case index < 0:
			p.appendTo(pointer(path), count, wanted)
			count++
		case !apiequality.Semantic.DeepEqual(present[index], wanted):
			p.remove(pointer(path.Index(index)))
			p.add(pointer(path.Index(index)), wanted)
		}
	}
}

// placeSidecar puts the proxy first in line: a sidecar that another webhook pushed down the list is moved back, one that
// differs is replaced.
func placeSidecar(p *patch, spec *corev1.PodSpec, proxy corev1.Container, path *field.Path) []string {
	present, at := spec.InitContainers, pointer(path.Child("initContainers"))
	index := sidecarIndex(present)
	if index < 0 {
		addBudget(p, spec, corev1.ResourceRequirements{}, proxy.Resources, path)
		if len(present) == 0 {
			p.add(at, []corev1.Container{proxy})
		} else {
			p.add(at+"/0", proxy)
		}
		return nil
	}
	differing := differences(expected(present[index], proxy), proxy)
	switch {
	case len(differing) > 0:
		addBudget(p, spec, present[index].Resources, proxy.Resources, path)
		p.remove(fmt.Sprintf("%s/%d", at, index))
		p.add(at+"/0", proxy)
		return []string{fmt.Sprintf("the pod brought a container %s that differs from the proxy of today in %s: it is replaced",
			apis.ProxyContainerName, strings.Join(differing, ", "))}
	case index > 0:
		p.move(fmt.Sprintf("%s/%d", at, index), at+"/0")
	}
	return nil
}
