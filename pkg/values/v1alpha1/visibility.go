package v1alpha1

// Visibility says which cluster-scoped objects the users of a guest see through the API proxy, and what they may do with them. Its users are
// the members of the group that is named as its cluster id, and the subjects. They see their own namespaces without being granted them.
type Visibility struct {
	// subjects are users, groups and ServiceAccounts that count as the guest's, beside the group that is named as the cluster id. They see
	// its namespaces too. A subject that several GuestPolicies list sees what each of them shows. "default" has none: each would be the
	// subject of every guest.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Subjects []Subject `json:"subjects,omitzero"`
	// nodes are the Nodes that the guest sees. A Node names all its images, addresses and labels. A user who may update a Node may remove the
	// taints and labels that keep other pods away from it: grant no guest more than List, except for nodes that are the guest's alone.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	Nodes []VisibleObjects `json:"nodes,omitzero"`
	// storageClasses are the StorageClasses that the guest sees. Which of them its claims may name is workload.storageClasses.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	StorageClasses []VisibleObjects `json:"storageClasses,omitzero"`
	// ingressClasses are the IngressClasses that the guest sees. Which of them its Ingresses may name is workload.ingressClasses.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	IngressClasses []VisibleObjects `json:"ingressClasses,omitzero"`
	// priorityClasses are the PriorityClasses that the guest sees. Which of them its pods may name is workload.priorityClasses.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	PriorityClasses []VisibleObjects `json:"priorityClasses,omitzero"`
	// runtimeClasses are the RuntimeClasses that the guest sees. Which of them its pods may name is workload.runtimeClasses.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	RuntimeClasses []VisibleObjects `json:"runtimeClasses,omitzero"`
	// resources are objects of further cluster-scoped kinds, also of kinds that are defined later.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	Resources []VisibleResource `json:"resources,omitzero"`
}

// VisibleResource are objects of a cluster-scoped kind.
// +kubebuilder:validation:XValidation:rule="(has(self.group) && size(self.group) > 0) || !(self.resource in ['namespaces', 'nodes'])",message="resource: a guest sees its own namespaces and no other, and Nodes by visibility.nodes; remove it here"
// +kubebuilder:validation:XValidation:rule="!has(self.group) || !(self.group == 'storage.k8s.io' && self.resource == 'storageclasses' || self.group == 'networking.k8s.io' && self.resource == 'ingressclasses' || self.group == 'scheduling.k8s.io' && self.resource == 'priorityclasses' || self.group == 'node.k8s.io' && self.resource == 'runtimeclasses')",message="resource: this kind has a field of its own in visibility, such as storageClasses; use that"
// +kubebuilder:validation:XValidation:rule="!has(self.group) || !(self.group.endsWith('liqo.io') || self.group in ['rbac.authorization.k8s.io', 'admissionregistration.k8s.io', 'apiextensions.k8s.io', 'apiregistration.k8s.io', 'certificates.k8s.io', 'policy.networking.k8s.io', 'flowcontrol.apiserver.k8s.io']) || self.objects.all(o, !has(o.operations) || o.operations.all(p, p == 'List'))",message="operations: objects of this group decide what a guest may do; grant List only"
type VisibleResource struct {
	// group is the kind's API group; empty: the core group. Each version of it shows the same objects.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*)?$`
	Group string `json:"group,omitempty"`
	// resource is the plural name of the kind, such as volumesnapshotclasses. A kind whose objects are in namespaces is not shown, and the
	// condition Accepted names it.
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
	Names []VisibleName `json:"names,omitzero"`
	// pattern is a regular expression (RE2) that matches the objects' names from the first to the last character: "gpu-.*" is node gpu-1,
	// and not node big-gpu-1.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Pattern string `json:"pattern,omitempty"`
	// selector selects objects by their labels. The empty selector {} selects all objects of the kind, also those that are created later.
	// +optional
	Selector *Selector `json:"selector,omitempty"`
	// operations are what the guest may do with these objects: List (list, get and watch), Update (update and patch) and Delete. A change
	// is refused after which the object would not be one of these objects any more. Nothing lets a guest create an object, delete a whole
	// collection, or reach a subresource.
	// +optional
	// +listType=set
	// +kubebuilder:default={List}
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=3
	// +kubebuilder:validation:XValidation:rule="'List' in self",message="operations: what the guest may not list, it cannot find; add List"
	Operations []VisibleOperation `json:"operations,omitempty"`
}

// VisibleName is the name of a cluster-scoped object. Some kinds allow more than a DNS subdomain, such as the colon.
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=253
// +kubebuilder:validation:Pattern=`^[A-Za-z0-9]([-A-Za-z0-9_.:]*[A-Za-z0-9])?$`
type VisibleName string

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
