package admit

import (
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// EndpointSlice judges the addresses to which a Service would lead, where a client other than Kubernetes' own controllers
// wrote them. The slice stands at path: nil for an EndpointSlice, spec.template for Liqo's ShadowEndpointSlice, whose
// addresses no other program validates. What a guest's own pods have for addresses, here, Kubernetes' controllers know; so an
// address written by hand is a way to somewhere else, and only the Hospital can say where such a way may lead.
func EndpointSlice(kind discoveryv1.AddressType, endpoints []discoveryv1.Endpoint, s Settings, path *field.Path) field.ErrorList {
	var problems field.ErrorList
	if kind != discoveryv1.AddressTypeIPv4 && kind != discoveryv1.AddressTypeIPv6 && kind != "" {
		problems = append(problems, field.NotSupported(path.Child("addressType"), kind,
			[]discoveryv1.AddressType{discoveryv1.AddressTypeIPv4, discoveryv1.AddressTypeIPv6}))
	}
	for i, endpoint := range endpoints {
		for j, address := range endpoint.Addresses {
			problems = append(problems, judgeAddress(address, s, path.Child("endpoints").Index(i).Child("addresses").Index(j))...)
		}
	}
	return problems
}

// Endpoints judges the older form of the same.
func Endpoints(subsets []corev1.EndpointSubset, s Settings) field.ErrorList {
	var problems field.ErrorList
	for i, subset := range subsets {
		path := field.NewPath("subsets").Index(i)
		for j, address := range subset.Addresses {
			problems = append(problems, judgeAddress(address.IP, s, path.Child("addresses").Index(j).Child("ip"))...)
		}
		for j, address := range subset.NotReadyAddresses {
			problems = append(problems, judgeAddress(address.IP, s, path.Child("notReadyAddresses").Index(j).Child("ip"))...)
		}
	}
	return problems
}

func judgeAddress(text string, s Settings, path *field.Path) field.ErrorList {
	address, err := netip.ParseAddr(text)
	if err != nil || address.Zone() != "" {
		return field.ErrorList{field.Invalid(path, text, "this is no IP address; write one as 203.0.113.5 or 2001:db8::5")}
	}
	if kind := special(address.Unmap()); kind != "" {
		return field.ErrorList{field.Forbidden(path, fmt.Sprintf("%s is %s, which no pod has; name a pod's address", text, kind))}
	}
	if slices.ContainsFunc(s.EndpointNetworks, func(n netip.Prefix) bool { return n.Contains(address.Unmap()) }) {
		return nil
	}
	return field.ErrorList{field.Forbidden(path, fmt.Sprintf("%s is not the address of a pod that Kubernetes has found here: a Service that leads there "+
		"is a way out; give the Service a selector, or have the Hospital name the network in %s", text, s.grantedBy("workload.endpointNetworks", "--endpoint-networks")))}
}

// special names the kind of an address that is never a pod's, or is empty.
func special(a netip.Addr) string {
	switch {
	case a.IsUnspecified():
		return "the unspecified address"
	case a.IsLoopback():
		return "a loopback address"
	case a.IsLinkLocalUnicast():
		return "a link-local address"
	case a.IsMulticast():
		return "a multicast address"
	case a == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return "the broadcast address"
	}
	return ""
}
