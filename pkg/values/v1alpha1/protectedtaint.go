package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ProtectedTaint reserves nodes: only listed users and groups may create pods that tolerate a taint.
//
// A toleration that could match the protected taint is refused unless its author is listed here, or has the verb "tolerate" on this
// object by RBAC. In a guest's namespace the subject is the guest instead: its GuestPolicy, spec.scheduling.taints, must list the taint,
// for every author of a request. The operator Exists on the taint's key, or without a key, is refused for every user: it would also match
// taints that are added later. Pods that exist when a ProtectedTaint is created keep running, and are reported.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,shortName=pt,categories=data-space
// +kubebuilder:printcolumn:name="Key",type=string,JSONPath=`.spec.taint.key`
// +kubebuilder:printcolumn:name="Value",type=string,JSONPath=`.spec.taint.value`
// +kubebuilder:printcolumn:name="Effect",type=string,JSONPath=`.spec.taint.effect`,description="empty: any effect"
// +kubebuilder:printcolumn:name="Users",type=string,JSONPath=`.spec.allowedUsers`,priority=1
// +kubebuilder:printcolumn:name="Groups",type=string,JSONPath=`.spec.allowedGroups`,priority=1
// +kubebuilder:printcolumn:name="Violations",type=integer,JSONPath=`.status.violations`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type ProtectedTaint struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the taint, and who may tolerate it.
	// +required
	Spec ProtectedTaintSpec `json:"spec"`
	// status is what has been observed of pods that tolerate the taint.
	// +optional
	Status ProtectedTaintStatus `json:"status,omitzero"`
}

// ProtectedTaintSpec is a taint, and who may tolerate it.
type ProtectedTaintSpec struct {
	// taint is the taint that is protected.
	// +required
	Taint Taint `json:"taint"`
	// allowedUsers are the names of the users whose pods may tolerate it. A ServiceAccount is named as
	// system:serviceaccount:NAMESPACE:NAME.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=1024
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=1024
	AllowedUsers []string `json:"allowedUsers,omitempty"`
	// allowedGroups are the groups whose members' pods may tolerate it.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=1024
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=1024
	AllowedGroups []string `json:"allowedGroups,omitempty"`
}

// Taint is a taint of nodes.
// +kubebuilder:validation:XValidation:rule="!self.key.startsWith('node.kubernetes.io/') && !self.key.startsWith('node.cloudprovider.kubernetes.io/')",message="spec.taint.key: Kubernetes adds tolerations of its own taints to pods, so that all pods would be refused; protect a taint with a key of your own"
type Taint struct {
	// key is the taint's key.
	// +required
	Key LabelKey `json:"key"`
	// value is the taint's value; a taint without a value has the empty one.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$`
	Value string `json:"value,omitempty"`
	// effect is the taint's effect: NoSchedule, PreferNoSchedule or NoExecute; left out: the taint is protected with each effect.
	// +optional
	// +kubebuilder:validation:Enum=NoSchedule;PreferNoSchedule;NoExecute
	Effect corev1.TaintEffect `json:"effect,omitempty"`
}

// ProtectedTaintStatus is what has been observed of pods that tolerate a protected taint.
type ProtectedTaintStatus struct {
	// observedGeneration is the generation of the spec that this status is about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// conditions has Respected: no running pod tolerates the taint that would be refused now.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// violations is the number of running pods that tolerate the taint and would be refused now.
	// +optional
	Violations *int32 `json:"violations,omitempty"`
}

// ProtectedTaintList is a list of ProtectedTaints.
// +kubebuilder:object:root=true
type ProtectedTaintList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ProtectedTaint `json:"items"`
}
