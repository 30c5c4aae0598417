package guard

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"data-space.liqo.io/pkg/values/apis"
)

// Namespace is what the wanted objects depend on.
type Namespace struct {
	Name string
	// Installation is the UID of the controller's ClusterRole. It owns the objects, so that they go with Data Spacer: Kubernetes'
	// garbage collector deletes them when the ClusterRole is deleted, with which the controller loses the right to make them again.
	Installation types.UID
}

// ConfigMap is the wanted configuration of the namespace's proxies: the whole file of those in which Envoy parses HTTP, and of those in which the
// module reads along. It has both, independent of the webhook's setting: a pod that was injected before a change restarts with its own.
func ConfigMap(ns Namespace, envoyYAML, moduleYAML string) *corev1.ConfigMap {
	return &corev1.ConfigMap{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: meta(ns, apis.EnvoyConfigMapName),
		Data:       map[string]string{apis.EnvoyConfigKey: envoyYAML, apis.EnvoyModuleConfigKey: moduleYAML},
	}
}

// meta marks an object as ours and ties it to the installation.
func meta(ns Namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Name:      name,
		Namespace: ns.Name,
		Labels:    map[string]string{apis.LabelManagedBy: apis.ControllerName},
		OwnerReferences: []metav1.OwnerReference{
			{APIVersion: "rbac.authorization.k8s.io/v1", Kind: "ClusterRole", Name: apis.ControllerName, UID: ns.Installation},
		},
	}
}
