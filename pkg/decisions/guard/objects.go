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
	UID  types.UID
}

// ConfigMap is the wanted configuration of the namespace's proxies; envoyYAML is the whole file.
func ConfigMap(ns Namespace, envoyYAML string) *corev1.ConfigMap {
	return &corev1.ConfigMap{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: meta(ns, apis.EnvoyConfigMapName),
		Data:       map[string]string{apis.EnvoyConfigKey: envoyYAML},
	}
}

// meta marks an object as ours and ties it to its namespace, which names the owner to whoever finds the object.
func meta(ns Namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Name:      name,
		Namespace: ns.Name,
		Labels:    map[string]string{apis.LabelManagedBy: apis.ControllerName},
		OwnerReferences: []metav1.OwnerReference{
			{APIVersion: "v1", Kind: "Namespace", Name: ns.Name, UID: ns.UID},
		},
	}
}
