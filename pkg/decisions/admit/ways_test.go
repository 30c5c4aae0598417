package admit

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func TestOnlyServicesInsideTheClusterAreLetIn(t *testing.T) {
	for _, c := range []struct {
		spec  corev1.ServiceSpec
		paths []string
	}{
		{corev1.ServiceSpec{}, nil},
		{corev1.ServiceSpec{Type: corev1.ServiceTypeClusterIP, ClusterIP: corev1.ClusterIPNone}, nil},
		{corev1.ServiceSpec{Type: corev1.ServiceTypeNodePort}, []string{"spec.type"}},
		{corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer}, []string{"spec.type"}},
		{corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName}, []string{"spec.type"}},
		{corev1.ServiceSpec{Type: "OfTomorrow"}, []string{"spec.type"}},
		{corev1.ServiceSpec{ExternalIPs: []string{"198.51.100.1"}}, []string{"spec.externalIPs"}},
	} {
		require.Equal(t, c.paths, fields(Service(&corev1.Service{Spec: c.spec}, nil, Settings{})), "%+v", c.spec)
	}
}

// Where load balancers are allowed, a guest takes over no address that the Hospital uses or has released: neither mode nor a way by an update.
func TestALoadBalancerChoosesNoAddress(t *testing.T) {
	allowed := Settings{ServiceTypes: []corev1.ServiceType{corev1.ServiceTypeLoadBalancer}}
	paths := func(kind corev1.ServiceType, address string, annotations map[string]string, s Settings) []string {
		service := &corev1.Service{Spec: corev1.ServiceSpec{Type: kind, LoadBalancerIP: address}}
		service.Annotations = annotations
		return fields(Service(service, nil, s))
	}
	shared := map[string]string{"metallb.io/allow-shared-ip": "hospital", "metallb.io/ip-allocated-from-pool": "by the balancer itself"}
	want := []string{"spec.loadBalancerIP", "metadata.annotations[metallb.io/allow-shared-ip]"}
	require.Equal(t, want, paths(corev1.ServiceTypeLoadBalancer, "198.51.100.1", shared, allowed))
	require.Equal(t, want, paths(corev1.ServiceTypeLoadBalancer, "198.51.100.1", shared, allowed.Audited()), "mode Audit")
	require.Empty(t, paths(corev1.ServiceTypeLoadBalancer, "", map[string]string{"metallb.io/ip-allocated-from-pool": "a"}, allowed))
	require.Empty(t, paths(corev1.ServiceTypeClusterIP, "198.51.100.1", shared, Settings{}), "it has no balancer")
	for _, key := range balancerAddresses() {
		require.Len(t, paths(corev1.ServiceTypeLoadBalancer, "", map[string]string{key: ""}, allowed), 1, key)
	}
}

func TestAServiceChoosesNoPortOfTheNodes(t *testing.T) {
	of := func(health int32, numbers ...int32) *corev1.Service {
		service := &corev1.Service{Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeNodePort, HealthCheckNodePort: health}}
		for _, number := range numbers {
			service.Spec.Ports = append(service.Spec.Ports, corev1.ServicePort{NodePort: number})
		}
		return service
	}
	allowed := Settings{ServiceTypes: []corev1.ServiceType{corev1.ServiceTypeNodePort}}
	granted := allowed
	granted.NodePorts = []PortRange{{30500, 30509}, {30700, 30700}}
	for _, c := range []struct {
		what        string
		now, before *corev1.Service
		s           Settings
		paths       []string
	}{
		{"none", of(0, 0), nil, allowed, nil},
		{"one", of(0, 0, 30555), nil, allowed, []string{"spec.ports[1].nodePort"}},
		{"of the health check", of(30556, 0), nil, allowed, []string{"spec.healthCheckNodePort"}},
		{"mode Audit", of(30556, 30555), nil, allowed.Audited(), []string{"spec.ports[0].nodePort", "spec.healthCheckNodePort"}},
		{"what the cluster chose, in another order", of(30003, 30002, 30001), of(30003, 30001, 30002), allowed, nil},
		{"one more", of(30003, 30001, 30002), of(30003, 30001), allowed, []string{"spec.ports[1].nodePort"}},
		{"another", of(30004, 30002), of(30003, 30001), allowed, []string{"spec.ports[0].nodePort", "spec.healthCheckNodePort"}},
		{"granted ones", of(30700, 30500, 30509), nil, granted, nil},
		{"beside granted ones", of(30701, 30499, 30510), nil, granted, []string{"spec.ports[0].nodePort", "spec.ports[1].nodePort", "spec.healthCheckNodePort"}},
		{"granted, and not the type", of(0, 30500), nil, Settings{NodePorts: granted.NodePorts}, []string{"spec.type"}},
	} {
		require.Equal(t, c.paths, fields(Service(c.now, c.before, c.s)), c.what)
	}
}

func TestAnIngressNeedsAClassThatTheHospitalHasNamed(t *testing.T) {
	const old = "metadata.annotations[kubernetes.io/ingress.class]"
	of := func(class, annotation string) *networkingv1.Ingress {
		ingress := &networkingv1.Ingress{}
		if class != "" {
			ingress.Spec.IngressClassName = &class
		}
		if annotation != "" {
			ingress.Annotations = map[string]string{deprecatedClass: annotation}
		}
		return ingress
	}
	granted := Settings{IngressClasses: []string{"guests"}}
	for _, c := range []struct {
		class, annotation string
		paths             []string
	}{
		{"", "", []string{"spec.ingressClassName"}},
		{"guests", "", nil},
		{"public", "", []string{"spec.ingressClassName"}},
		{"", "guests", nil},
		{"", "public", []string{old}},
		{"guests", "public", []string{old}},
		{"public", "guests", []string{"spec.ingressClassName"}},
	} {
		require.Equal(t, c.paths, fields(Ingress(of(c.class, c.annotation), granted)), "%+v", c)
	}
	require.Equal(t, []string{"spec.ingressClassName"}, fields(Ingress(of("guests", ""), Settings{})))
}

func TestAnAddressWrittenByHandNeedsANetworkThatTheHospitalHasNamed(t *testing.T) {
	granted := Settings{EndpointNetworks: []netip.Prefix{
		netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("0.0.0.0/0"),
	}}
	for address, reason := range map[string]string{
		"203.0.113.5": "", "2001:db8::5": "", "::ffff:203.0.113.5": "",
		"2001:db9::5": "a way out", "0.0.0.0": "unspecified", "::": "unspecified", "127.0.0.1": "loopback", "::1": "loopback",
		"::ffff:127.0.0.1": "loopback", "169.254.169.254": "link-local", "fe80::1": "link-local", "fe80::1%eth0": "no IP address",
		"224.0.0.1": "multicast", "ff02::1": "multicast", "255.255.255.255": "broadcast", "nonsense": "no IP address", "": "no IP address",
	} {
		problems := judgeAddress(address, granted, field.NewPath("a"))
		if reason == "" {
			require.Empty(t, problems, address)
			continue
		}
		require.Len(t, problems, 1, address)
		require.ErrorContains(t, problems[0], reason, address)
	}
	require.NotEmpty(t, judgeAddress("203.0.113.5", Settings{}, field.NewPath("a")))
}

func TestEveryAddressOfASliceIsJudged(t *testing.T) {
	endpoints := []discoveryv1.Endpoint{{Addresses: []string{"198.51.100.1", "198.51.100.2"}}}
	require.Equal(t, []string{"endpoints[0].addresses[0]", "endpoints[0].addresses[1]"},
		fields(EndpointSlice(discoveryv1.AddressTypeIPv4, endpoints, Settings{}, nil)))
	require.Equal(t, []string{"spec.template.addressType"},
		fields(EndpointSlice(discoveryv1.AddressTypeFQDN, nil, Settings{}, field.NewPath("spec", "template"))))
	require.Empty(t, EndpointSlice("", nil, Settings{}, nil))
	address := []corev1.EndpointAddress{{IP: "198.51.100.1"}}
	subsets := []corev1.EndpointSubset{{Addresses: address, NotReadyAddresses: address}}
	require.Equal(t, []string{"subsets[0].addresses[0].ip", "subsets[0].notReadyAddresses[0].ip"}, fields(Endpoints(subsets, Settings{})))
}

func TestNobodyEntersTheProxy(t *testing.T) {
	require.Empty(t, Connect("", Settings{}))
	require.Empty(t, Connect("app", Settings{}))
	require.Equal(t, []string{"container"}, fields(Connect("data-space-proxy", Settings{})))
	require.Empty(t, PortForward(nil, Settings{}))
	require.Equal(t, []string{"ports[1]", "ports[2]"}, fields(PortForward([]int32{8080, 13031, 13043, 13053}, Settings{})))
}

func TestTheGuardsObjectsAreTheControllers(t *testing.T) {
	keeper, cleaner := Subject{User: Keeper}, Subject{User: "system:serviceaccount:kube-system:namespace-controller"}
	guest := Subject{User: "slice-1", Groups: []string{"pharma", "system:authenticated"}}
	master := Subject{User: "root", Groups: []string{"system:masters"}}
	for _, c := range []struct {
		kind, name string
		operation  Operation
		who        Subject
		refused    bool
	}{
		{"ConfigMap", "data-space-envoy-config", Create, guest, true},
		{"ConfigMap", "data-space-envoy-config", Update, guest, true},
		{"ConfigMap", "data-space-envoy-config", Delete, guest, true},
		{"ConfigMap", "data-space-envoy-config", Create, keeper, false},
		{"ConfigMap", "data-space-envoy-config", Create, cleaner, true},
		{"ConfigMap", "data-space-envoy-config", Update, cleaner, false},
		{"ConfigMap", "data-space-envoy-config", Delete, cleaner, false},
		{"ConfigMap", "data-space-envoy-config", Delete, master, false},
		{"ConfigMap", "data-space-network-policy", Create, guest, false},
		{"ConfigMap", "other", Delete, guest, false},
		{"NetworkPolicy", "data-space-network-policy", Update, guest, true},
		{"NetworkPolicy", "data-space-network-policy", Update, keeper, false},
		{"NetworkPolicy", "data-space-envoy-config", Create, guest, false},
	} {
		require.Equal(t, c.refused, len(Owned(c.kind, c.name, c.operation, c.who)) > 0, "%+v", c)
	}
	require.True(t, Subject{User: "system:serviceaccount:kube-system:endpointslice-controller"}.Is(EndpointWriters()))
	require.True(t, Subject{User: "system:serviceaccount:kube-system:persistent-volume-binder"}.Is(Binders()))
}

func TestGrantsAreReadFromOneLine(t *testing.T) {
	names, err := ParseNames(" runc, kata-fc ")
	require.NoError(t, err)
	require.Equal(t, []string{"runc", "kata-fc"}, names)
	names, err = ParseNames("")
	require.NoError(t, err)
	require.Empty(t, names)
	_, err = ParseNames("a,,b")
	require.ErrorContains(t, err, `"" is not a name`)

	devices, err := ParseDevices("nvidia.com/gpu,vendor.example/fpga")
	require.NoError(t, err)
	require.Equal(t, []string{"nvidia.com/gpu", "vendor.example/fpga"}, devices)
	for _, bad := range []string{"gpu", "nvidia.com/", "a/b/c"} {
		_, err = ParseDevices(bad)
		require.ErrorContains(t, err, "write for example nvidia.com/gpu", bad)
	}

	networks, err := ParseNetworks("203.0.113.0/24,2001:db8::/32")
	require.NoError(t, err)
	require.Len(t, networks, 2)
	for _, bad := range []string{"203.0.113.5", "203.0.113.5/24", "x"} {
		_, err = ParseNetworks(bad)
		require.ErrorContains(t, err, "is not a network", bad)
	}

	for _, good := range []Level{Baseline, Restricted} {
		level, err := ParseLevel(string(good))
		require.NoError(t, err)
		require.Equal(t, good, level)
	}
	_, err = ParseLevel("privileged")
	require.EqualError(t, err, `"privileged" is no level for foreign pods; use baseline or restricted`)
}
