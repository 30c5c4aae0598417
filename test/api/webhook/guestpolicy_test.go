//go:build api

package webhook

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/v1alpha1"
)

// guestPolicies: a GuestPolicy steers what the webhook admits of that guest from the next request on, and of no other guest.
func guestPolicies(t *testing.T, w *world) {
	t.Helper()
	require.NoError(t, v1alpha1.AddToScheme(w.client.Scheme()))
	namespace, tenant := w.guestSpace(t), w.tenant(t)
	other := w.namespace(t, map[string]string{apis.LabelRemoteCluster: "another"})
	ingress := func(namespace string) error {
		return tenantOrAdmin(namespace == other, tenant, w.client).Create(t.Context(), &networkingv1.Ingress{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "way"},
			Spec: networkingv1.IngressSpec{
				IngressClassName: ptr("nginx"),
				DefaultBackend:   &networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: "a", Port: networkingv1.ServiceBackendPort{Number: 80}}},
			},
		}, client.DryRunAll)
	}
	start := func(namespace string) error {
		return w.client.Create(t.Context(), pod(namespace, "app"), client.DryRunAll)
	}
	holds := func(what string, judged func() bool) { require.Eventually(t, judged, waitLong, waitStep, what) }

	require.Error(t, ingress(namespace), "the flags grant no class")
	policy := &v1alpha1.GuestPolicy{ObjectMeta: metav1.ObjectMeta{Name: guest}}
	policy.Spec.Workload = &v1alpha1.Workload{IngressClasses: []v1alpha1.ObjectName{"nginx"}}
	w.create(t, policy)
	holds("the class is granted", func() bool { return ingress(namespace) == nil })
	require.Error(t, ingress(other), "to that guest")

	policy.Spec.State = v1alpha1.Suspended
	require.NoError(t, w.client.Update(t.Context(), policy))
	holds("a suspended guest starts no pod", func() bool { return start(namespace) != nil })
	require.ErrorContains(t, start(namespace), `guest "pharma" is suspended`)
	shadow := shadowPodOf(t, "app", corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "app:1"}}})
	shadow.SetNamespace(namespace)
	require.Equal(t, []string{"metadata.namespace"}, causes(t, tenant.Create(t.Context(), shadow)))
	require.NoError(t, start(other))
	require.NoError(t, ingress(namespace), "what it has besides may be written")

	policy.Spec.State, policy.Spec.Workload = v1alpha1.Active, &v1alpha1.Workload{PodSecurity: "restricted"}
	require.NoError(t, w.client.Update(t.Context(), policy))
	holds("the level is asked of each container", func() bool {
		err := start(namespace)
		return err != nil && len(causesOf(err)) > 1
	})
	policy.Spec.Workload.Mode = v1alpha1.Audit
	require.NoError(t, w.client.Update(t.Context(), policy))
	holds("and only reported in mode Audit", func() bool { return start(namespace) == nil })
	require.Contains(t, strings.Join(w.warnings.take(), "\n"), "is in mode Audit")
	escaping := pod(namespace, "app")
	escaping.Spec.HostNetwork = true
	require.Equal(t, []string{"spec.hostNetwork"}, causes(t, w.client.Create(t.Context(), escaping)), "what leads past the proxy is refused all the same")

	serviceTypes(t, w, policy, namespace)
	balancers(t, w, policy, namespace)
	nodeSelector(t, w, policy, namespace)

	require.NoError(t, w.client.Delete(t.Context(), policy))
	holds("without it the flags hold again", func() bool { return ingress(namespace) != nil })
	require.NoError(t, start(namespace))
}

// serviceTypes: a Service that publishes pods needs the GuestPolicy, and for the API server's own policy what the controller notes of it.
func serviceTypes(t *testing.T, w *world, policy *v1alpha1.GuestPolicy, namespace string) {
	t.Helper()
	policy.Spec.Workload = &v1alpha1.Workload{ServiceTypes: []v1alpha1.ServiceType{"NodePort"}}
	require.NoError(t, w.client.Update(t.Context(), policy))
	publish := func(kind corev1.ServiceType) error {
		s := service("published", corev1.ServiceSpec{Type: kind, ExternalName: "example.org"})
		if kind != corev1.ServiceTypeExternalName {
			s.Spec.ExternalName = ""
		}
		s.Namespace = namespace
		return w.client.Create(t.Context(), s, client.DryRunAll)
	}
	refusedBy := func(err error, who string) bool { return err != nil && strings.Contains(err.Error(), who) }
	require.Eventually(t, func() bool { return refusedBy(publish("NodePort"), "ValidatingAdmissionPolicy 'data-space-services'") }, waitLong, waitStep)
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
	note := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"annotations":{"`+apis.AnnotationServiceTypes+`":"NodePort"}}}`))
	require.NoError(t, w.client.Patch(t.Context(), ns, note))
	require.Eventually(t, func() bool { return publish("NodePort") == nil }, waitLong, waitStep)
	for _, kind := range []corev1.ServiceType{"LoadBalancer", "ExternalName"} {
		require.Equal(t, []string{"spec.type"}, causes(t, publish(kind)), kind)
	}
}

// balancers: a Service that publishes pods chooses neither a load balancer's address nor a port of the nodes, when it is created and later, in both modes.
func balancers(t *testing.T, w *world, policy *v1alpha1.GuestPolicy, namespace string) {
	t.Helper()
	policy.Spec.Workload = &v1alpha1.Workload{ServiceTypes: []v1alpha1.ServiceType{"NodePort", "LoadBalancer"}, NodePorts: []v1alpha1.PortRange{"30500-30509"}}
	require.NoError(t, w.client.Update(t.Context(), policy))
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
	note := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"annotations":{"`+apis.AnnotationServiceTypes+`":"LoadBalancer,NodePort"}}}`))
	require.NoError(t, w.client.Patch(t.Context(), ns, note))
	published := func(name string, change func(*corev1.Service)) *corev1.Service {
		s := service(name, corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer, ExternalTrafficPolicy: corev1.ServiceExternalTrafficPolicyLocal})
		s.Namespace = namespace
		change(s)
		return s
	}
	tenant, kept := w.tenant(t), published("kept", func(*corev1.Service) {})
	require.Eventually(t, func() bool { return tenant.Create(t.Context(), kept.DeepCopy(), client.DryRunAll) == nil }, waitLong, waitStep, "%s", w.process)
	require.NoError(t, tenant.Create(t.Context(), kept))
	require.NotZero(t, kept.Spec.Ports[0].NodePort)
	require.NotZero(t, kept.Spec.HealthCheckNodePort)
	kept.Spec.Ports[0].Port = 81
	require.NoError(t, tenant.Update(t.Context(), kept), "what the cluster chose stays")

	choices := map[string]func(*corev1.Service){
		"spec.loadBalancerIP": func(s *corev1.Service) { s.Spec.LoadBalancerIP = "198.51.100.7" },
		"metadata.annotations[metallb.io/loadBalancerIPs]": func(s *corev1.Service) {
			metav1.SetMetaDataAnnotation(&s.ObjectMeta, "metallb.io/loadBalancerIPs", "198.51.100.7")
		},
		"metadata.annotations[lbipam.cilium.io/sharing-key]": func(s *corev1.Service) {
			metav1.SetMetaDataAnnotation(&s.ObjectMeta, "lbipam.cilium.io/sharing-key", "hospital")
		},
		"spec.ports[0].nodePort":   func(s *corev1.Service) { s.Spec.Ports[0].NodePort = 30777 },
		"spec.healthCheckNodePort": func(s *corev1.Service) { s.Spec.HealthCheckNodePort = 30778 },
	}
	refused := func(when string) {
		for field, change := range choices {
			require.Equal(t, []string{field}, causes(t, tenant.Create(t.Context(), published("chosen", change), client.DryRunAll)), when)
			if field == "spec.healthCheckNodePort" {
				continue // It is immutable.
			}
			changed := kept.DeepCopy()
			change(changed)
			require.Equal(t, []string{field}, causes(t, tenant.Update(t.Context(), changed, client.DryRunAll)), when)
		}
	}
	refused("mode Enforce")
	require.NoError(t, tenant.Create(t.Context(), published("granted", func(s *corev1.Service) {
		s.Spec.Ports[0].NodePort, s.Spec.HealthCheckNodePort = 30500, 30509
	}), client.DryRunAll), "the Hospital grants these numbers")
	policy.Spec.Workload.Mode = v1alpha1.Audit
	require.NoError(t, w.client.Update(t.Context(), policy))
	refused("mode Audit")
	require.NoError(t, w.client.Delete(t.Context(), kept))
}

// nodeSelector: pods are stored with the guest's, and another value is refused.
func nodeSelector(t *testing.T, w *world, policy *v1alpha1.GuestPolicy, namespace string) {
	t.Helper()
	policy.Spec.Workload, policy.Spec.Scheduling = nil, &v1alpha1.Scheduling{NodeSelector: map[string]string{"pool": "guests"}}
	require.NoError(t, w.client.Update(t.Context(), policy))
	require.Eventually(t, func() bool {
		stored := pod(namespace, "app")
		return w.client.Create(t.Context(), stored, client.DryRunAll) == nil && stored.Spec.NodeSelector["pool"] == "guests"
	}, waitLong, waitStep)
	elsewhere := pod(namespace, "app")
	elsewhere.Spec.NodeSelector = map[string]string{"pool": "own"}
	require.Equal(t, []string{"spec.nodeSelector[pool]"}, causes(t, w.client.Create(t.Context(), elsewhere)))
}

func tenantOrAdmin(admin bool, tenant, administrator client.Client) client.Client {
	if admin {
		return administrator
	}
	return tenant
}
