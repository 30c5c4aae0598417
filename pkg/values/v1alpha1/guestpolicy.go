package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// DefaultGuestPolicy names the GuestPolicy of all guests, whose fields each guest's own GuestPolicy may override.
const DefaultGuestPolicy = "default"

// GuestPolicy is what the Hospital decides about one guest, that is one peered cluster.
//
// Its name is the guest's cluster id: the value of the label liqo.io/remote-cluster-id on the guest's namespaces. The GuestPolicy named
// "default" holds for every guest. A field that a guest's own GuestPolicy leaves out is taken from "default", and one that both leave out
// from the flags of the programs. Without any GuestPolicy a guest has the safe settings of the installation. A change takes effect at
// once, without a restart. A list replaces the list of "default" as a whole; the empty list grants nothing.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,shortName=gp,categories=data-space
// +kubebuilder:printcolumn:name="State",type=string,JSONPath=`.spec.state`,description="Active or Suspended; empty: as in default"
// +kubebuilder:printcolumn:name="Accepted",type=string,JSONPath=`.status.conditions[?(@.type=="Accepted")].status`,description="whether all that the policy says is in force"
// +kubebuilder:printcolumn:name="Suspended",type=string,JSONPath=`.status.conditions[?(@.type=="Suspended")].status`
// +kubebuilder:printcolumn:name="Namespaces",type=integer,JSONPath=`.status.namespaceCount`
// +kubebuilder:printcolumn:name="Pods",type=integer,JSONPath=`.status.pods`,description="pods that agents guard"
// +kubebuilder:printcolumn:name="Held",type=integer,JSONPath=`.status.heldPods`,description="pods whose rules the kernel of their node holds"
// +kubebuilder:printcolumn:name="Pod-Security",type=string,JSONPath=`.spec.workload.podSecurity`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="size(self.metadata.name) <= 63 && !self.metadata.name.contains('.')",message="metadata.name: a GuestPolicy is named after the guest's cluster id, the value of the label liqo.io/remote-cluster-id (at most 63 characters, no dot); use that, or default for all guests"
// +kubebuilder:validation:XValidation:rule="self.metadata.name != 'default' || !has(self.spec) || !has(self.spec.visibility) || !has(self.spec.visibility.subjects) || size(self.spec.visibility.subjects) == 0",message="spec.visibility.subjects: these would be subjects of every guest, and see all guests' namespaces; list them in the GuestPolicies of their guests"
type GuestPolicy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what the Hospital decides. Each field that is left out is taken from the GuestPolicy "default", then from the flags.
	// +optional
	Spec GuestPolicySpec `json:"spec,omitzero"`
	// status is what the controller has observed.
	// +optional
	Status GuestPolicyStatus `json:"status,omitzero"`
}

// GuestPolicySpec is what the Hospital decides about a guest.
type GuestPolicySpec struct {
	// state is Active or Suspended; left out everywhere, it is Active.
	//
	// Suspended closes every pod of the guest in the kernel of its node within a second: connections that are open fall silent, and no
	// new pod is admitted or started. Pods keep running. Active opens them again, without a restart.
	// +optional
	State State `json:"state,omitempty"`
	// suspendWithTenant is whether Liqo's Tenant of the guest suspends it as well: Never, Drained (while spec.tenantCondition of the Tenant is
	// Drained) or Cordoned (while it is Cordoned or Drained). Left out everywhere, it is Never: a cordoned Tenant keeps the pods that it
	// has, and the pods of a drained one end in order, for which they need their network. Active in state does not override it.
	// +optional
	SuspendWithTenant TenantSuspension `json:"suspendWithTenant,omitempty"`
	// workload says which pods, Services, Ingresses and claims the guest may create, and whether its users may exec into its pods.
	// +optional
	Workload *Workload `json:"workload,omitempty"`
	// scheduling says on which nodes the guest's pods may run.
	// +optional
	Scheduling *Scheduling `json:"scheduling,omitempty"`
	// network says what the guest's pods may reach, and be reached from, beyond the labels data-space/netpol-allow and the pods of the
	// guest's own namespaces. What it allows becomes the NetworkPolicy data-space-guest-policy in each of the guest's namespaces. It only
	// adds: all traffic still passes the pods' proxies, and is recorded there. Nodes and their pods, the API server, link-local and
	// metadata addresses, and the namespace of Data Spacer are never opened, whatever is written here.
	// +optional
	Network *Network `json:"network,omitempty"`
	// visibility says which cluster-scoped objects the guest's users see through the API proxy, and what they may do with them. Where no
	// API proxy is installed, guests see no cluster-scoped object.
	// +optional
	Visibility *Visibility `json:"visibility,omitempty"`
}

// State is whether a guest's pods run as usual.
// +kubebuilder:validation:Enum=Active;Suspended
type State string

// The states of a guest.
const (
	Active    State = "Active"
	Suspended State = "Suspended"
)

// TenantSuspension is by which condition of Liqo's Tenant a guest is suspended.
// +kubebuilder:validation:Enum=Never;Drained;Cordoned
type TenantSuspension string

// The values of a TenantSuspension.
const (
	TenantNever    TenantSuspension = "Never"
	TenantDrained  TenantSuspension = "Drained"
	TenantCordoned TenantSuspension = "Cordoned"
)

// The modes of a section.
const (
	// Enforce refuses the object.
	Enforce Mode = "Enforce"
	// Audit admits the object, and reports it: as a warning to its author, in the webhook's log, and in its metrics.
	Audit Mode = "Audit"
)

// The values of a Permission.
const (
	Allowed Permission = "Allowed"
	Denied  Permission = "Denied"
)

// GuestPolicyList is a list of GuestPolicies.
// +kubebuilder:object:root=true
type GuestPolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []GuestPolicy `json:"items"`
}
