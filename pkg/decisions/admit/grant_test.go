package admit

import (
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"data-space.liqo.io/pkg/values/v1alpha1"
)

// refusable is a refusal that the Hospital's settings can take back.
type refusable struct {
	field, flag string // flag: what is named where no policy sets the field; empty: the guest's own policy
	// set denies by a policy that sets the field.
	set   v1alpha1.GuestPolicySpec
	judge func(Settings) field.ErrorList
}

func ofWorkload(w v1alpha1.Workload) v1alpha1.GuestPolicySpec {
	return v1alpha1.GuestPolicySpec{Workload: &w}
}

func podWith(change func(*corev1.PodSpec)) func(Settings) field.ErrorList {
	return func(s Settings) field.ErrorList {
		spec := corev1.PodSpec{Containers: []corev1.Container{{Name: "app"}}}
		change(&spec)
		return Pod(&metav1.ObjectMeta{}, &spec, s, field.NewPath("spec"))
	}
}

func refusables() []refusable {
	none := []v1alpha1.ObjectName{}
	debugged := &corev1.Pod{Spec: corev1.PodSpec{EphemeralContainers: []corev1.EphemeralContainer{{
		EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "debug"}}}}}
	denied := ofWorkload(v1alpha1.Workload{Exec: v1alpha1.Denied, PortForward: v1alpha1.Denied})
	service := func(spec corev1.ServiceSpec) func(Settings) field.ErrorList {
		return func(s Settings) field.ErrorList { return Service(&corev1.Service{Spec: spec}, nil, s) }
	}
	return []refusable{
		{"spec.workload.devices", "--devices", ofWorkload(v1alpha1.Workload{Devices: []v1alpha1.ExtendedResource{}}), podWith(func(p *corev1.PodSpec) {
			p.Containers[0].Resources.Limits = corev1.ResourceList{"example.org/gpu": resource.MustParse("1")}
		})},
		{"spec.workload.runtimeClasses", "--runtime-classes", ofWorkload(v1alpha1.Workload{RuntimeClasses: none}), podWith(func(p *corev1.PodSpec) {
			p.RuntimeClassName = ptr.To("kata")
		})},
		{"spec.workload.seccompProfiles", "--seccomp-profiles", ofWorkload(v1alpha1.Workload{SeccompProfiles: []string{}}), podWith(func(p *corev1.PodSpec) {
			p.SecurityContext = &corev1.PodSecurityContext{SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeLocalhost, LocalhostProfile: ptr.To("a.json")}}
		})},
		{"spec.workload.podSecurity", "--pod-security", ofWorkload(v1alpha1.Workload{PodSecurity: "restricted"}), podWith(func(*corev1.PodSpec) {})},
		{"spec.workload.priorityClasses", "--priority-classes", ofWorkload(v1alpha1.Workload{PriorityClasses: none}), func(s Settings) field.ErrorList {
			return Priority(&corev1.PodSpec{PriorityClassName: "high"}, s, nil)
		}},
		{"spec.workload.storageClasses", "--storage-classes", ofWorkload(v1alpha1.Workload{StorageClasses: []v1alpha1.ObjectName{"fast"}}), func(s Settings) field.ErrorList {
			return Claim(&corev1.PersistentVolumeClaim{Spec: corev1.PersistentVolumeClaimSpec{StorageClassName: ptr.To("slow")}}, nil, s)
		}},
		{"spec.workload.ingressClasses", "--ingress-classes", ofWorkload(v1alpha1.Workload{IngressClasses: none}), func(s Settings) field.ErrorList {
			return Ingress(&networkingv1.Ingress{}, s)
		}},
		{"spec.workload.endpointNetworks", "--endpoint-networks", ofWorkload(v1alpha1.Workload{EndpointNetworks: []v1alpha1.CIDR{}}), func(s Settings) field.ErrorList {
			return EndpointSlice("IPv4", []discoveryv1.Endpoint{{Addresses: []string{"198.51.100.1"}}}, s, nil)
		}},
		{"spec.workload.serviceTypes", "", ofWorkload(v1alpha1.Workload{ServiceTypes: []v1alpha1.ServiceType{}}), service(corev1.ServiceSpec{Type: corev1.ServiceTypeNodePort})},
		{"spec.workload.nodePorts", "", ofWorkload(v1alpha1.Workload{NodePorts: []v1alpha1.PortRange{}}), service(corev1.ServiceSpec{Ports: []corev1.ServicePort{{NodePort: 30555}}})},
		{"spec.workload.exec", "", denied, func(s Settings) field.ErrorList { return Connect("app", s) }},
		{"spec.workload.exec", "", denied, func(s Settings) field.ErrorList { return EphemeralContainers(debugged, &corev1.Pod{}, s) }},
		{"spec.workload.portForward", "", denied, func(s Settings) field.ErrorList { return PortForward([]int32{80}, s) }},
		{"spec.scheduling.nodeSelector", "", v1alpha1.GuestPolicySpec{Scheduling: &v1alpha1.Scheduling{NodeSelector: map[string]string{"pool": "guests"}}},
			podWith(func(p *corev1.PodSpec) { p.NodeSelector = map[string]string{"pool": "own"} })},
		{"spec.state", "", v1alpha1.GuestPolicySpec{State: v1alpha1.Suspended}, podWith(func(*corev1.PodSpec) {})},
	}
}

func TestARefusalNamesWhatWouldAllowIt(t *testing.T) {
	empty := v1alpha1.GuestPolicySpec{}
	flags := Settings{PodSecurity: Restricted, StorageClasses: []string{"fast"}}
	for _, r := range refusables() {
		own := r.judge(Settings{}.For("pharma", r.set, map[string]string{r.field: "pharma"})).ToAggregate()
		require.ErrorContains(t, own, r.field+` of the GuestPolicy "pharma"`, r.field)
		require.NotContains(t, own.Error(), "--", r.field)
		require.ErrorContains(t, r.judge(Settings{}.For("pharma", r.set, map[string]string{r.field: "default"})).ToAggregate(), r.field+` of the GuestPolicy "default"`, r.field)
		for _, without := range []Settings{flags, flags.For("pharma", empty, nil)} {
			if r.flag != "" {
				require.ErrorContains(t, r.judge(without).ToAggregate(), "the webhook's "+r.flag, r.field)
			}
		}
	}
	published := Service(&corev1.Service{Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeNodePort}}, nil, Settings{}.For("pharma", empty, nil))
	require.ErrorContains(t, published.ToAggregate(), `spec.workload.serviceTypes of the GuestPolicy "pharma"`, "there is no flag")
	baseline := podWith(func(p *corev1.PodSpec) {
		p.Containers[0].SecurityContext = &corev1.SecurityContext{Privileged: ptr.To(true)}
	})(Settings{})
	require.NotContains(t, baseline.ToAggregate().Error(), "podSecurity", "no setting allows it")
}
