// Package v1alpha1 is the API of Data Spacer, group data-space.liqo.io: the kinds GuestPolicy and ProtectedTaint. Their comments are what
// `kubectl explain` shows; their markers become the schemas in deploy/crds.
//
// +kubebuilder:object:generate=true
// +groupName=data-space.liqo.io
package v1alpha1

//go:generate go tool -modfile=../../../build/tools/crds/go.mod controller-gen object paths=.
//go:generate go tool -modfile=../../../build/tools/crds/go.mod controller-gen crd paths=. output:crd:dir=../../../deploy/crds
