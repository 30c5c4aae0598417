package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Types of the conditions in a GuestPolicy's status.
const (
	// ConditionAccepted is True if all that the policy says is in force; otherwise its message names the field and the remedy.
	ConditionAccepted = "Accepted"
	// ConditionSuspended is True while the guest is suspended.
	ConditionSuspended = "Suspended"
)

// GuestPolicyStatus is what the controller has observed of a guest.
type GuestPolicyStatus struct {
	// observedGeneration is the generation of the spec that this status is about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// conditions are Accepted (all that the policy says is in force) and Suspended (the guest is suspended).
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// namespaces are the guest's namespaces in this cluster, at most 256 of them.
	// +optional
	// +listType=set
	Namespaces []string `json:"namespaces,omitempty"`
	// namespaceCount is the number of the guest's namespaces.
	// +optional
	NamespaceCount *int32 `json:"namespaceCount,omitempty"`
}
