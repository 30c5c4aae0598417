package v1alpha1

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Group and Version name this API.
const (
	Group   = "data-space.liqo.io"
	Version = "v1alpha1"
)

// GroupVersion returns the group and version of the kinds in this package.
func GroupVersion() schema.GroupVersion { return schema.GroupVersion{Group: Group, Version: Version} }

// AddToScheme registers the kinds of this package.
func AddToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion(), &GuestPolicy{}, &GuestPolicyList{}, &ProtectedTaint{}, &ProtectedTaintList{})
	metav1.AddToGroupVersion(scheme, GroupVersion())
	return nil
}

// NewScheme returns a scheme with the core kinds of Kubernetes and those of this package.
func NewScheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		return nil, fmt.Errorf("registering the core API: %w", err)
	}
	if err := AddToScheme(scheme); err != nil {
		return nil, fmt.Errorf("registering %s: %w", Group, err)
	}
	return scheme, nil
}
