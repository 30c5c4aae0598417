package controller

import (
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/nodelease"
)

// narrowToNodes caches of each Node what is decided by it, here and in pkg/programs/nodeoffers, and the agents' Leases.
func narrowToNodes(narrow map[client.Object]cache.ByObject) {
	narrow[&corev1.Node{}] = cache.ByObject{Transform: slimNode}
	narrow[&coordinationv1.Lease{}] = cache.ByObject{
		Namespaces: map[string]cache.Config{apis.SystemNamespace: {}},
		Label:      labels.SelectorFromSet(labels.Set{nodelease.Label: "true"}), Transform: cache.TransformStripManagedFields(),
	}
}

// slimNode keeps the label, the taints, the addresses and the boot id: a Node is some kilobytes, most of them its images.
func slimNode(o any) (any, error) {
	node, ok := o.(*corev1.Node)
	if !ok {
		return o, nil
	}
	slim := &corev1.Node{
		TypeMeta:   node.TypeMeta,
		ObjectMeta: metav1.ObjectMeta{Name: node.Name, UID: node.UID, ResourceVersion: node.ResourceVersion},
		Spec:       corev1.NodeSpec{Taints: node.Spec.Taints, PodCIDRs: node.Spec.PodCIDRs},
		Status:     corev1.NodeStatus{Addresses: node.Status.Addresses, NodeInfo: corev1.NodeSystemInfo{BootID: node.Status.NodeInfo.BootID}},
	}
	if value, set := node.Labels[apis.LabelEnforced]; set {
		slim.Labels = map[string]string{apis.LabelEnforced: value}
	}
	return slim, nil
}
