package admit

import (
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/gate"
)

// guardPrefix begins the labels and annotations by which the Hospital steers Data Spacer.
const guardPrefix = "data-space/"

// judgeMetadata refuses labels and annotations that change how a pod is guarded, connected or run.
func judgeMetadata(meta *metav1.ObjectMeta, spec *corev1.PodSpec, s Settings) field.ErrorList {
	path := field.NewPath("metadata")
	var problems field.ErrorList
	for _, key := range slices.Sorted(maps.Keys(meta.Labels)) {
		// The webhook sets netpol-allow itself; without it a pod is only reached by less.
		if strings.HasPrefix(key, guardPrefix) && key != apis.LabelNetpolAllow {
			problems = append(problems, field.Forbidden(path.Child("labels").Key(key), "this label is the Hospital's to set; remove it"))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(meta.Annotations)) {
		if reason := refusedAnnotation(key); reason != "" {
			problems = append(problems, field.Forbidden(path.Child("annotations").Key(key), reason+"; remove it"))
		}
	}
	return append(problems, judgeAnnotationStandards(meta, spec, s, path.Child("annotations"))...)
}

// Mark refuses the annotation that names a pod's guest on what pods are made of: only admission sets it, on the pod.
func Mark(meta *metav1.ObjectMeta) field.ErrorList {
	if _, set := meta.Annotations[gate.AnnotationGuest]; set {
		return field.ErrorList{field.Forbidden(field.NewPath("metadata", "annotations").Key(gate.AnnotationGuest),
			"only Data Spacer says whose a pod is; remove it, the pod gets it by itself")}
	}
	return nil
}

// JudgedMetadata returns the labels and annotations that Pod and Mark look at, so that a change of others is seen to be none.
func JudgedMetadata(meta *metav1.ObjectMeta) map[string]string {
	judged := map[string]string{}
	for key, value := range meta.Labels {
		if strings.HasPrefix(key, guardPrefix) {
			judged["label "+key] = value
		}
	}
	for key, value := range meta.Annotations {
		if key == gate.AnnotationGuest || refusedAnnotation(key) != "" || strings.HasPrefix(key, corev1.DeprecatedAppArmorBetaContainerAnnotationKeyPrefix) {
			judged["annotation "+key] = value
		}
	}
	return judged
}

// refusedAnnotation returns why a pod may not have an annotation, or "".
func refusedAnnotation(key string) string {
	domain, name, _ := strings.Cut(key, "/")
	switch {
	case strings.HasPrefix(key, guardPrefix):
		return "this annotation is the Hospital's to set"
	case name == apis.ProxyContainerName || strings.HasSuffix(name, "."+apis.ProxyContainerName):
		return "how the proxy runs is not the pod's to choose"
	}
	for _, r := range readers() {
		if domain == r.domain || strings.HasSuffix(domain, "."+r.domain) || strings.HasSuffix(r.domain, ".") && strings.HasPrefix(domain, r.domain) {
			return r.reason
		}
	}
	return ""
}

// reader is a program on the node that takes orders from a pod's annotations.
type reader struct {
	// domain is that of its annotations; those of its subdomains are meant too. When it ends in a dot, it is a prefix.
	domain, reason string
}

// readers are the programs of a node that read annotations of pods, by the domain of the annotation. A tenant writes annotations, so each of
// them would be a way to order something of the node.
func readers() []reader {
	const (
		network = "it has the node connect the pod in another way than the rules expect"
		runtime = "it changes how the container runtime builds the pod"
	)
	return []reader{
		{"k8s.v1.cni.cncf.io", network}, // additional networks (Network Plumbing Working Group's specification)
		{"multus-cni.io", network},      // v1.multus-cni.io/default-network replaces the CNI chain, and our plugin with it
		{"projectcalico.org", network},  // Calico: floating IPs, allowedSourcePrefixes
		{"cilium.io", network},
		{"io.cilium", network},
		{"k8s.ovn.org", network},
		{"ovn.kubernetes.io", network}, // Kube-OVN
		{"antrea.io", network},
		{"cni.aws", network},
		{"io.kubernetes.cri-o.", runtime},
		{"kubernetes.cri-o.io", runtime},                  // CRI-O: a seccomp profile out of an image
		{"seccomp.security.alpha.kubernetes.io", runtime}, // before Kubernetes 1.27
		{"crio.io", runtime},
		{"io.containerd.", runtime},
		{"io.katacontainers.", runtime},
		{"dev.gvisor.", runtime},
		{"cdi.k8s.io", runtime},
		{"noderesource.dev", runtime},  // NRI's device injector
		{"nri.io", runtime},            // NRI plugins
		{"nri.containerd.io", runtime}, // NRI plugins
	}
}
