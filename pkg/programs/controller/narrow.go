package controller

import (
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/values/apis"
)

// narrowed keeps everything out of the caches that no decision looks at; the controller's rights are as narrow.
func narrowed(config Config) map[client.Object]cache.ByObject {
	narrow := map[client.Object]cache.ByObject{
		&corev1.Namespace{}:           {Transform: cache.TransformStripManagedFields()}, // all: one that has lost its labels may be a guest's
		&corev1.ConfigMap{}:           {Field: named(apis.EnvoyConfigMapName)},
		&networkingv1.NetworkPolicy{}: {Field: named(apis.NetworkPolicyName)},
		installationRole():            {Field: named(apis.ControllerName)},
		&corev1.Service{}: {Namespaces: map[string]cache.Config{
			config.DNS.Namespace: {FieldSelector: named(config.DNSService)},
		}},
	}
	if config.ownResolver() {
		narrowToResolver(narrow)
	}
	narrowToNodes(narrow)
	narrowToClaims(narrow)
	return narrow
}

func named(name string) fields.Selector {
	return fields.OneTermEqualSelector(metav1.ObjectNameField, name)
}

// installationRole is the controller's ClusterRole, of which only the metadata is read.
func installationRole() *metav1.PartialObjectMetadata {
	role := &metav1.PartialObjectMetadata{}
	role.SetGroupVersionKind(rbacv1.SchemeGroupVersion.WithKind("ClusterRole"))
	return role
}
