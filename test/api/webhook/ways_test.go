//go:build api

package webhook

import (
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/decisions/admit"
	"data-space.liqo.io/pkg/values/apis"
)

func service(name string, spec corev1.ServiceSpec) *corev1.Service {
	if spec.Type != corev1.ServiceTypeExternalName {
		spec.Ports = []corev1.ServicePort{{Port: 80}}
	}
	return &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: spec}
}

func claim(name, volume string) *corev1.PersistentVolumeClaim {
	return &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.PersistentVolumeClaimSpec{
		VolumeName: volume, AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
		Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{"storage": resource.MustParse("1Gi")}},
	}}
}

func choosing(c *corev1.PersistentVolumeClaim) *corev1.PersistentVolumeClaim {
	c.Spec.StorageClassName, c.Spec.Selector = ptr(""), &metav1.LabelSelector{}
	return c
}

func ingress(class *string, annotations map[string]string) *networkingv1.Ingress {
	return &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Name: "published", Annotations: annotations}, Spec: networkingv1.IngressSpec{
		IngressClassName: class, DefaultBackend: &networkingv1.IngressBackend{
			Service: &networkingv1.IngressServiceBackend{Name: "app", Port: networkingv1.ServiceBackendPort{Number: 80}},
		},
	}}
}

func shadowSlice(name, kind string, addresses ...string) *unstructured.Unstructured {
	endpoints := []any{}
	for _, address := range addresses {
		endpoints = append(endpoints, map[string]any{"addresses": []any{address}})
	}
	return liqoObject("ShadowEndpointSlice", name, map[string]any{"template": map[string]any{"addressType": kind, "endpoints": endpoints}})
}

func waysOut(t *testing.T, w *world) {
	t.Helper()
	namespace, tenant := w.guestSpace(t), w.tenant(t)
	for what, c := range map[string]struct {
		object client.Object
		paths  []string
	}{
		"a load balancer":          {service("a", corev1.ServiceSpec{Type: "LoadBalancer"}), []string{"spec.type"}},
		"a port of every node":     {service("a", corev1.ServiceSpec{Type: "NodePort"}), []string{"spec.type"}},
		"a name outside":           {service("a", corev1.ServiceSpec{Type: "ExternalName", ExternalName: "example.com"}), []string{"spec.type"}},
		"addresses of others":      {service("a", corev1.ServiceSpec{ExternalIPs: []string{"198.51.100.1"}}), []string{"spec.externalIPs"}},
		"an ingress":               {ingress(nil, nil), []string{"spec.ingressClassName"}},
		"an ingress by class":      {ingress(ptr("public"), nil), []string{"spec.ingressClassName"}},
		"an ingress, as before":    {ingress(nil, map[string]string{"kubernetes.io/ingress.class": "public"}), []string{"metadata.annotations[kubernetes.io/ingress.class]"}},
		"another's volume":         {claim("a", "hospital-data"), []string{"spec.volumeName"}},
		"any volume that is there": {choosing(claim("a", "")), []string{"spec.selector", "spec.storageClassName"}},
		"endpoints of Liqo": {
			shadowSlice("a", "IPv4", "198.51.100.11", "127.0.0.1", "169.254.169.254", "nonsense"), []string{
				"spec.template.endpoints[0].addresses[0]", "spec.template.endpoints[1].addresses[0]",
				"spec.template.endpoints[2].addresses[0]", "spec.template.endpoints[3].addresses[0]",
			},
		},
		"names as endpoints": {shadowSlice("a", "FQDN"), []string{"spec.template.addressType"}},
	} {
		c.object.SetNamespace(namespace)
		require.Equal(t, c.paths, causes(t, tenant.Create(t.Context(), c.object)), what)
		require.Equal(t, c.paths, causes(t, w.admin(t).Create(t.Context(), c.object)), "%s, by an administrator", what)
	}
	token := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "token", Annotations: map[string]string{"kubernetes.io/service-account.name": "default"}},
		Type:       corev1.SecretTypeServiceAccountToken,
	}
	require.ErrorContains(t, tenant.Create(t.Context(), token), "tokens of the cluster are the Hospital's to give")
	w.create(t, token)
	changes(t, w, namespace, tenant)
	writers(t, w, namespace)
}

// changes makes harmless objects into ways out.
func changes(t *testing.T, w *world, namespace string, tenant client.Client) {
	t.Helper()
	plain, bound := service("plain", corev1.ServiceSpec{}), claim("bound", "")
	for _, object := range []client.Object{plain, bound} {
		object.SetNamespace(namespace)
		require.NoError(t, tenant.Create(t.Context(), object))
	}
	toBalancer := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"type":"LoadBalancer"}}`))
	require.Equal(t, []string{"spec.type"}, causes(t, tenant.Patch(t.Context(), plain, toBalancer)))
	toVolume := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"volumeName":"hospital-data"}}`))
	require.Equal(t, []string{"spec.volumeName"}, causes(t, tenant.Patch(t.Context(), bound, toVolume)))
	w.admin(t)
	require.NoError(t, w.as(t, admit.Binders()[0]).Patch(t.Context(), bound, toVolume), "whose task it is may bind it")
}

// writers: the addresses that Kubernetes' own controllers find are as they are; others write none.
func writers(t *testing.T, w *world, namespace string) {
	t.Helper()
	admin := w.admin(t)
	slice := func(name string) *discoveryv1.EndpointSlice {
		return &discoveryv1.EndpointSlice{
			ObjectMeta:  metav1.ObjectMeta{Namespace: namespace, Name: name},
			AddressType: discoveryv1.AddressTypeIPv4, Endpoints: []discoveryv1.Endpoint{{Addresses: []string{"198.51.100.11"}}},
		}
	}
	require.Equal(t, []string{"endpoints[0].addresses[0]"}, causes(t, admin.Create(t.Context(), slice("hand"))))
	found := slice("found")
	require.NoError(t, w.as(t, admit.EndpointWriters()[1]).Create(t.Context(), found))
	found.Labels = map[string]string{"app": "pharma"}
	found.Endpoints[0].Conditions.Ready = ptr(false)
	require.NoError(t, admin.Update(t.Context(), found), "the addresses are the same")
	subsets := []corev1.EndpointSubset{{Addresses: []corev1.EndpointAddress{{IP: "198.51.100.11"}}}}
	old := &corev1.Endpoints{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "old"}, Subsets: subsets}
	require.Equal(t, []string{"subsets[0].addresses[0].ip"}, causes(t, admin.Create(t.Context(), old)))
}

func oldServices(t *testing.T, w *world) {
	t.Helper()
	name, tenant := w.guestSpace(t, apis.LabelApplyWebhook, "false"), w.tenant(t)
	old := service("old", corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer})
	old.Namespace, old.Finalizers = name, []string{"service.kubernetes.io/load-balancer-cleanup"}
	require.NoError(t, tenant.Create(t.Context(), old))
	w.guard(t, name)
	old.Labels = map[string]string{"app": "pharma"}
	require.NoError(t, tenant.Update(t.Context(), old))
	old.Spec.Ports[0].Port = 81
	require.Equal(t, []string{"spec.type"}, causes(t, tenant.Update(t.Context(), old.DeepCopy())))
	old.Spec.Type, old.Spec.Ports[0].NodePort = corev1.ServiceTypeClusterIP, 0
	old.Spec.AllocateLoadBalancerNodePorts, old.Spec.ExternalTrafficPolicy = nil, ""
	require.NoError(t, tenant.Update(t.Context(), old), "the way back is open")
	w.release(t, tenant, old)
}
