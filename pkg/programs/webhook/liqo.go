package webhook

import (
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// shadowPod is what is read of Liqo's ShadowPod (offloading.liqo.io/v1beta1): the guest creates it, and Liqo makes a pod
// of it with the same name, labels and annotations.
type shadowPod struct {
	Metadata metav1.ObjectMeta `json:"metadata"`
	Spec     struct {
		Pod corev1.PodSpec `json:"pod"`
	} `json:"spec"`
}

// shadowEndpointSlice is what is read of Liqo's ShadowEndpointSlice, of which Liqo makes an EndpointSlice.
type shadowEndpointSlice struct {
	Spec struct {
		Template struct {
			AddressType discoveryv1.AddressType `json:"addressType"`
			Endpoints   []discoveryv1.Endpoint  `json:"endpoints"`
		} `json:"template"`
	} `json:"spec"`
}

// liqoGroup is the API group of both; in clusters without Liqo no request is about them.
const liqoGroup = "offloading.liqo.io"
