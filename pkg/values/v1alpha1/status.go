package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Types of the conditions in a GuestPolicy's status.
const (
	// ConditionAccepted is True if all that the policy says is in force; otherwise its message names the field and the remedy.
	ConditionAccepted = "Accepted"
	// ConditionNamesResolved is there if the policy opens hosts by their names. It is False while one of them opens nothing, or not all of its
	// addresses; the message names it.
	ConditionNamesResolved = "NamesResolved"
	// ConditionSuspended is True while the guest is suspended.
	ConditionSuspended = "Suspended"
	// ConditionLabelsIntact is False while a namespace of the guest has a note that it lost one of Liqo's labels; the message names it.
	ConditionLabelsIntact = "LabelsIntact"
)

// ConditionRespected in the status of a ProtectedTaint is True if no running pod would be refused now; otherwise its message names some.
const ConditionRespected = "Respected"

// GuestPolicyStatus is what the controller has observed of a guest.
type GuestPolicyStatus struct {
	// observedGeneration is the generation of the spec that this status is about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// conditions are Accepted (all that the policy says is in force), Suspended (the guest is suspended), LabelsIntact (no namespace of the
	// guest has lost a label of Liqo's) and, where spec.network has names, NamesResolved (each opens its addresses).
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
	// pods is the number of the guest's pods that agents guard. Agents report with their Leases, every 10 seconds.
	// +optional
	Pods *int32 `json:"pods,omitempty"`
	// heldPods is the number of those whose rules the kernel of their node holds, a quarantined pod included. The others are starting or
	// have failed: none of them sends a packet, and `agent status` on their nodes has the reason.
	// +optional
	HeldPods *int32 `json:"heldPods,omitempty"`
	// nodes are the nodes with pods of the guest, at most 256 of them.
	// +optional
	// +listType=map
	// +listMapKey=name
	Nodes []GuestNode `json:"nodes,omitempty"`
}

// GuestNode is what the agent of a node has last reported of a guest's pods there.
type GuestNode struct {
	// name is the node's name.
	// +required
	Name string `json:"name"`
	// pods is the number of the guest's pods that the agent guards.
	// +optional
	Pods int32 `json:"pods"`
	// heldPods is the number of those whose rules the kernel holds.
	// +optional
	HeldPods int32 `json:"heldPods"`
	// lastEnforced is when the agent last wrote rules of one of these pods.
	// +optional
	LastEnforced *metav1.Time `json:"lastEnforced,omitempty"`
}
