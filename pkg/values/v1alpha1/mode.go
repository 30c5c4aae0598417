package v1alpha1

// Mode is what happens to an object that a section of a GuestPolicy does not allow.
// +kubebuilder:validation:Enum=Enforce;Audit
type Mode string

// Permission is whether something is allowed.
// +kubebuilder:validation:Enum=Allowed;Denied
type Permission string
