package v1alpha1

import corev1 "k8s.io/api/core/v1"

// Scheduling says on which nodes a guest's pods may run.
// +kubebuilder:validation:XValidation:rule="!has(self.nodeSelector) || !('data-space.liqo.io.node-restriction.kubernetes.io/enforced' in self.nodeSelector)",message="spec.scheduling.nodeSelector: the label data-space.liqo.io.node-restriction.kubernetes.io/enforced is added to each foreign pod anyway; remove it here, and see the webhook's --require-enforced-nodes"
type Scheduling struct {
	// mode is Enforce or Audit; left out everywhere, it is Enforce. Audit admits tolerations that taints does not allow, and reports them.
	// +optional
	Mode Mode `json:"mode,omitempty"`
	// nodeSelector is added to the node selector of each pod of the guest: its pods run on nodes with all these labels only. A pod that
	// names another value of one of them is refused.
	// +optional
	// +kubebuilder:validation:MaxProperties=16
	NodeSelector map[string]string `json:"nodeSelector,omitzero"`
	// taints are the taints that the guest's pods may tolerate, beyond those that Kubernetes tolerates for every pod. It also opens nodes
	// that a ProtectedTaint reserves. A toleration is allowed if each taint that it could match is listed.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Taints []TolerableTaint `json:"taints,omitzero"`
}

// TolerableTaint is a taint that a guest's pods may tolerate.
type TolerableTaint struct {
	// key is the taint's key.
	// +required
	Key LabelKey `json:"key"`
	// value is the taint's value; left out: a taint with this key and any value.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Value *string `json:"value,omitempty"`
	// effect is the taint's effect: NoSchedule, PreferNoSchedule or NoExecute; left out: any.
	// +optional
	// +kubebuilder:validation:Enum=NoSchedule;PreferNoSchedule;NoExecute
	Effect corev1.TaintEffect `json:"effect,omitempty"`
}

// LabelKey is the key of a label or of a taint: a name, with a domain and a slash before it or without.
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=316
// +kubebuilder:validation:Pattern=`^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$`
type LabelKey string
