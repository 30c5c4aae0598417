package admit

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// tooTolerant returns why a foreign pod may not have a toleration, or "". A taint of Kubernetes or of a node autoscaler says
// that a node is not ready for pods, is not for them, or is about to go. What such a taint keeps away stays away unless the
// Hospital has granted the key; any other key is a taint of the Hospital's own choice.
func tooTolerant(t corev1.Toleration, s Settings) string {
	switch t.Key {
	case "":
		return "a toleration without a key tolerates every taint, the control plane's too; name the keys"
	case "node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master":
		return "nodes of the control plane are not for foreign pods; remove the toleration"
	}
	switch {
	case slices.Contains(s.Tolerations, t.Key):
		return ""
	case slices.Contains(stayingKeys(), t.Key) && t.Effect != corev1.TaintEffectNoExecute:
		return "a foreign pod may stay on a node with this taint for a while, and may not be scheduled to it; set the effect NoExecute"
	case slices.Contains(stayingKeys(), t.Key), slices.Contains(pressureKeys(), t.Key):
		return ""
	case ofSystem(t.Key):
		return "this taint keeps pods off nodes that are not ready for them, not meant for them, or about to go; " +
			"remove the toleration, or have the Hospital name the key in the webhook's --tolerations"
	}
	return ""
}

// stayingKeys are the taints of nodes that the node controller has lost. DefaultTolerationSeconds lets every pod stay there
// for some minutes.
func stayingKeys() []string {
	return []string{corev1.TaintNodeNotReady, corev1.TaintNodeUnreachable}
}

// pressureKeys are the taints that PodTolerationRestriction and the DaemonSet controller tolerate in the name of pods.
func pressureKeys() []string {
	return []string{corev1.TaintNodeMemoryPressure, corev1.TaintNodeDiskPressure, corev1.TaintNodePIDPressure}
}

// ofSystem reports whether a taint's key is Kubernetes', a node autoscaler's, a node agent's or our own.
func ofSystem(key string) bool {
	domain, name, found := strings.Cut(key, "/")
	if !found {
		return slices.Contains([]string{"ToBeDeletedByClusterAutoscaler", "DeletionCandidateOfClusterAutoscaler", "CriticalAddonsOnly"}, key)
	}
	for _, system := range []string{"kubernetes.io", "k8s.io", "karpenter.sh", "data-space.liqo.io"} {
		if domain == system || strings.HasSuffix(domain, "."+system) {
			return true
		}
	}
	// The startup taints of network and storage agents (node.cilium.io/agent-not-ready, ebs.csi.aws.com/agent-not-ready).
	return domain+"/" == guardPrefix || strings.HasSuffix(name, "-not-ready")
}
