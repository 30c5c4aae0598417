package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Visibility says which cluster-scoped objects the users of a guest see, and what they may do with them.
type Visibility struct {
	// nodes are the Nodes that the guest sees.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	Nodes []VisibleObjects `json:"nodes,omitzero"`
	// storageClasses are the StorageClasses that the guest sees.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	StorageClasses []VisibleObjects `json:"storageClasses,omitzero"`
	// ingressClasses are the IngressClasses that the guest sees.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	IngressClasses []VisibleObjects `json:"ingressClasses,omitzero"`
	// priorityClasses are the PriorityClasses that the guest sees.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	PriorityClasses []VisibleObjects `json:"priorityClasses,omitzero"`
	// runtimeClasses are the RuntimeClasses that the guest sees.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	RuntimeClasses []VisibleObjects `json:"runtimeClasses,omitzero"`
	// others are objects of further cluster-scoped kinds.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	Others []VisibleKind `json:"others,omitzero"`
	// subjects are users, groups and ServiceAccounts that count as the guest's, beside the group that is named as the cluster id.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Subjects []Subject `json:"subjects,omitzero"`
}

// VisibleKind are objects of a cluster-scoped kind.
type VisibleKind struct {
	// group is the kind's API group; empty: the core group.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Group string `json:"group,omitempty"`
	// resource is the plural name of the kind, such as volumesnapshotclasses.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z]([-a-z0-9]*[a-z0-9])?$`
	Resource string `json:"resource"`
	// objects are the objects of this kind that the guest sees.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Objects []VisibleObjects `json:"objects"`
}

// VisibleObjects are objects of a kind, and what the guest may do with them.
// +kubebuilder:validation:XValidation:rule="(has(self.names) ? 1 : 0) + (has(self.pattern) ? 1 : 0) + (has(self.selector) ? 1 : 0) == 1",message="objects are named by one of names, pattern and selector; keep one, and write a second entry for the other"
// +kubebuilder:validation:XValidation:rule="!has(self.pattern) || 'a'.matches(self.pattern) in [true, false]",message="pattern: not a regular expression of RE2; correct it, or use names"
type VisibleObjects struct {
	// names are the objects' names.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	Names []ObjectName `json:"names,omitzero"`
	// pattern is a regular expression (RE2) that matches the whole name of the objects.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Pattern string `json:"pattern,omitempty"`
	// selector selects objects by their labels. The empty selector {} selects all objects of the kind.
	// +optional
	Selector *metav1.LabelSelector `json:"selector,omitempty"`
	// operations are what the guest may do with these objects: List (list, get and watch), Update (update and patch) and Delete.
	// +optional
	// +listType=set
	// +kubebuilder:default={List}
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=3
	// +kubebuilder:validation:XValidation:rule="'List' in self",message="operations: what the guest may not list, it cannot find; add List"
	Operations []VisibleOperation `json:"operations,omitempty"`
}

// VisibleOperation is what may be done with an object that is visible.
// +kubebuilder:validation:Enum=List;Update;Delete
type VisibleOperation string

// The operations on objects that are visible.
const (
	OperationList   VisibleOperation = "List"
	OperationUpdate VisibleOperation = "Update"
	OperationDelete VisibleOperation = "Delete"
)

// Subject is a user, a group or a ServiceAccount.
// +kubebuilder:validation:XValidation:rule="(self.kind == 'ServiceAccount') == (has(self.namespace) && size(self.namespace) > 0)",message="namespace: a ServiceAccount has one, a User or a Group has none; add or remove it"
// +kubebuilder:validation:XValidation:rule="!(self.name.startsWith('system:') && self.kind != 'ServiceAccount')",message="name: names that begin with system: are Kubernetes' own; name a subject of the guest"
type Subject struct {
	// kind is User, Group or ServiceAccount.
	// +required
	// +kubebuilder:validation:Enum=User;Group;ServiceAccount
	Kind string `json:"kind"`
	// name is the subject's name.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Name string `json:"name"`
	// namespace is the ServiceAccount's namespace.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Namespace string `json:"namespace,omitempty"`
}
