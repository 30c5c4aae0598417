package admit

import "k8s.io/pod-security-admission/policy"

// advice has the fields that a rule of the Pod Security Standards checks, in the pod and in each container, and the remedy.
type advice struct {
	id             policy.CheckID
	pod, container string
	wayOut         string
}

// adviceOn returns the advice on a rule. A rule of a newer library has no advice and is reported without a field.
func adviceOn(id policy.CheckID) advice {
	for _, a := range advices() {
		if a.id == id {
			return a
		}
	}
	return advice{id: id, wayOut: "see the Pod Security Standards of Kubernetes"}
}

func advices() []advice {
	const sc = "securityContext"
	return []advice{
		{"appArmorProfile", sc + ".appArmorProfile", sc + ".appArmorProfile", "use RuntimeDefault or a profile of the node"},
		{"capabilities_baseline", "", sc + ".capabilities.add", "remove them"},
		{"capabilities_restricted", "", sc + ".capabilities", "drop ALL and add NET_BIND_SERVICE at most"},
		{"allowPrivilegeEscalation", "", sc + ".allowPrivilegeEscalation", "set it to false"},
		{"hostPorts", "", "ports", "remove hostPort; a Service reaches the pod without"},
		{"hostProbesAndHostLifecycle", "", "", "remove host, so that the kubelet asks the pod itself"},
		{"privileged", "", sc + ".privileged", "remove privileged"},
		{"procMount", "", sc + ".procMount", "remove procMount"},
		{"procMount_restricted", "", sc + ".procMount", "remove procMount"},
		{"runAsNonRoot", sc + ".runAsNonRoot", sc + ".runAsNonRoot", "set it to true for the pod or each container"},
		{"runAsUser", sc + ".runAsUser", sc + ".runAsUser", "choose a user other than 0"},
		{"seLinuxOptions", sc + ".seLinuxOptions", sc + ".seLinuxOptions", "remove user and role, and use a container type"},
		{"seccompProfile_baseline", sc + ".seccompProfile", sc + ".seccompProfile", "remove it, Data Spacer sets one by itself"},
		{"seccompProfile_restricted", sc + ".seccompProfile", sc + ".seccompProfile", "remove it, Data Spacer sets one by itself"},
		{"sysctls", sc + ".sysctls", "", "remove what is not a safe sysctl"},
		{"windowsHostProcess", sc + ".windowsOptions", sc + ".windowsOptions", "remove hostProcess"},
		// Judged by this package itself, more strictly and with their fields.
		{id: "hostNamespaces"}, {id: "hostPathVolumes"}, {id: "restrictedVolumes"},
	}
}
