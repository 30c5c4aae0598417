package admit

import (
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"data-space.liqo.io/pkg/values/v1alpha1"
)

func TestAGuestsSettingsAreThoseOfItsPolicyAndElseTheFlags(t *testing.T) {
	flags := Settings{PodSecurity: Baseline, Devices: []string{"example.org/gpu"}, IngressClasses: []string{"nginx"}, Tolerations: []string{"a"}}
	none := v1alpha1.GuestPolicySpec{}
	settings := func(s Settings) Settings {
		require.Equal(t, "pharma", s.guest)
		s.guest, s.setters = "", nil
		return s
	}
	require.Equal(t, flags, settings(flags.For("pharma", none, nil)))
	require.Equal(t, flags, settings(flags.For("pharma", v1alpha1.GuestPolicySpec{State: v1alpha1.Active, Workload: &v1alpha1.Workload{}}, nil)))

	own := settings(flags.For("pharma", v1alpha1.GuestPolicySpec{State: v1alpha1.Suspended, Workload: &v1alpha1.Workload{
		Mode: v1alpha1.Audit, PodSecurity: "restricted", RuntimeClasses: []v1alpha1.ObjectName{"kata"}, Devices: []v1alpha1.ExtendedResource{},
		SeccompProfiles: []string{"p"}, PriorityClasses: []v1alpha1.ObjectName{"q"}, StorageClasses: []v1alpha1.ObjectName{"r"},
		ServiceTypes: []v1alpha1.ServiceType{"NodePort"}, EndpointNetworks: []v1alpha1.CIDR{"203.0.113.0/24", "nonsense"},
		NodePorts: []v1alpha1.PortRange{"30500", "30600-30609", "nonsense", "0-9", "7-99999999999"},
		Exec:      v1alpha1.Denied, PortForward: v1alpha1.Denied,
	}}, nil))
	require.Equal(t, Settings{
		PodSecurity: Restricted, RuntimeClasses: []string{"kata"}, Devices: []string{}, SeccompProfiles: []string{"p"}, PriorityClasses: []string{"q"},
		StorageClasses: []string{"r"}, IngressClasses: []string{"nginx"}, ServiceTypes: []corev1.ServiceType{"NodePort"}, Tolerations: []string{"a"},
		EndpointNetworks: networks([]v1alpha1.CIDR{"203.0.113.0/24"}), NodePorts: []PortRange{{30500, 30500}, {30600, 30609}}, NoExec: true, NoPortForward: true, SuspendedGuest: "pharma", Audit: true,
	}, own)
}

// judgements asks each rule that a policy steers about what it forbids.
func judgements(s Settings) map[string]field.ErrorList {
	pod := func(spec corev1.PodSpec) field.ErrorList {
		spec.Containers = []corev1.Container{{Name: "app"}}
		return Pod(&metav1.ObjectMeta{}, &spec, s, field.NewPath("spec"))
	}
	claim := &corev1.PersistentVolumeClaim{Spec: corev1.PersistentVolumeClaimSpec{StorageClassName: ptr.To("slow")}}
	debugged := &corev1.Pod{Spec: corev1.PodSpec{EphemeralContainers: []corev1.EphemeralContainer{{
		EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "debug"}}}}}
	return map[string]field.ErrorList{
		"level":       pod(corev1.PodSpec{}),
		"class":       Ingress(&networkingv1.Ingress{}, s),
		"type":        Service(&corev1.Service{Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeNodePort}}, nil, s),
		"claim":       Claim(claim, nil, s),
		"exec":        Connect("app", s),
		"debug":       EphemeralContainers(debugged, &corev1.Pod{}, s),
		"forward":     PortForward([]int32{80}, s),
		"host":        pod(corev1.PodSpec{HostNetwork: true}),
		"runtime":     pod(corev1.PodSpec{RuntimeClassName: ptr.To("kata")}),
		"externalIPs": Service(&corev1.Service{Spec: corev1.ServiceSpec{ExternalIPs: []string{"203.0.113.9"}}}, nil, s),
		"name":        Service(&corev1.Service{Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName}}, nil, s),
		"proxy":       Connect("data-space-proxy", s),
	}
}

func TestAuditReleasesWhatDoesNotLeadPastTheProxyAndNothingElse(t *testing.T) {
	strict := Settings{}.Strictest()
	strict.SuspendedGuest = ""
	refused, reported := judgements(strict.Audited()), judgements(strict)
	for what := range reported {
		require.NotEmpty(t, reported[what], what)
	}
	for _, what := range []string{"level", "class", "type", "claim", "exec", "debug", "forward"} {
		require.Empty(t, refused[what], what)
	}
	for _, what := range []string{"host", "runtime", "externalIPs", "name", "proxy"} {
		require.NotEmpty(t, refused[what], what)
	}
}

func TestAPodOfAGuestDoesNotChooseOtherNodesThanTheGuests(t *testing.T) {
	s := Settings{}.For("pharma", v1alpha1.GuestPolicySpec{Scheduling: &v1alpha1.Scheduling{NodeSelector: map[string]string{"pool": "guests", "zone": "a"}}}, nil)
	judged := func(selector map[string]string) []string {
		spec := corev1.PodSpec{NodeSelector: selector, Containers: []corev1.Container{{Name: "app"}}}
		return fields(Pod(&metav1.ObjectMeta{}, &spec, s, field.NewPath("spec")))
	}
	require.Empty(t, judged(nil))
	require.Empty(t, judged(map[string]string{"pool": "guests", "disk": "ssd"}))
	require.Equal(t, []string{"spec.nodeSelector[pool]", "spec.nodeSelector[zone]"}, judged(map[string]string{"pool": "own", "zone": ""}))
	require.Equal(t, s.NodeSelector, s.Audited().NodeSelector, "mode Audit is of the section workload")
}

func TestASuspendedGuestStartsNothingAndNobodyEntersItsPods(t *testing.T) {
	suspended := judgements(Settings{}.For("pharma", v1alpha1.GuestPolicySpec{State: v1alpha1.Suspended}, nil).Audited())
	for _, what := range []string{"level", "exec", "debug", "forward"} {
		require.Len(t, suspended[what], 1, what)
		require.ErrorContains(t, suspended[what].ToAggregate(), `guest "pharma" is suspended`, what)
	}
	for _, what := range []string{"class", "type", "claim"} {
		require.Empty(t, suspended[what], what)
	}
}
