package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// Network says what a guest's pods may reach, and be reached from, beyond the defaults. Its rules have the form of a NetworkPolicy's.
type Network struct {
	// egress are the destinations that the guest's pods may reach.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	Egress []EgressRule `json:"egress,omitzero"`
	// ingress are the sources that may reach the guest's pods.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	Ingress []IngressRule `json:"ingress,omitzero"`
	// homeAPI is whether the guest's pods reach the API server of the guest's own cluster, which Liqo offers to them at an address of the
	// external network of the peering: Allowed or Denied. Left out everywhere, it is Denied. Allowed opens that network
	// (status.remote.cidr.external of Liqo's Configuration) for TCP. What passes is encrypted for the guest's cluster: it is recorded as a
	// connection with its size, and may carry anything that the pods can read.
	// +optional
	HomeAPI Permission `json:"homeAPI,omitempty"`
}

// EgressRule allows traffic from the guest's pods to peers and to hosts by their names, at ports.
// +kubebuilder:validation:XValidation:rule="has(self.to) && size(self.to) > 0 || has(self.names) && size(self.names) > 0",message="a rule needs a destination: add to or names; nothing opens every destination by being left out"
type EgressRule struct {
	// to are destinations. A rule needs one of them, or a name: nothing opens every destination by being left out.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	To []Peer `json:"to,omitzero"`
	// names are hosts outside the cluster, such as api.example.org. The guests' resolver answers each for the pods of this guest, with
	// addresses that the controller looks up every 30 seconds; these addresses are opened, at ports. At most 32 names of a GuestPolicy are.
	// What no GuestPolicy opens stays closed, and so do private addresses, unless an ipBlock of the egress rules has them. Other hosts at the
	// same addresses are opened as well: the host that a connection is for is in the record.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=16
	Names []HostName `json:"names,omitzero"`
	// ports are the ports of the destinations; left out: all ports.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	Ports []Port `json:"ports,omitzero"`
}

// HostName is the full name of a host in the DNS, in lower case and without a dot at its end.
// +kubebuilder:validation:MinLength=3
// +kubebuilder:validation:MaxLength=253
// +kubebuilder:validation:Pattern=`^([a-z0-9_]([-a-z0-9_]{0,61}[a-z0-9_])?\.)+[a-z]([-a-z0-9]{0,61}[a-z0-9])?$`
type HostName string

// IngressRule allows traffic from peers to the guest's pods, at ports.
// +kubebuilder:validation:XValidation:rule="!has(self.ports) || self.ports.all(p, !has(p.port) || has(p.endPort) || type(p.port) != int || !(int(p.port) in [13031, 13032, 13041, 13043, 13053]))",message="ports: the proxy of each pod listens on this port, and no rule opens it; use another"
type IngressRule struct {
	// from are the sources. At least one is needed: nothing opens the pods to every source by being left out.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	From []Peer `json:"from"`
	// ports are the ports of the guest's pods; left out: all ports but those of the pods' proxies.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	Ports []Port `json:"ports,omitzero"`
}

// Peer is a set of pods, or a network.
// +kubebuilder:validation:XValidation:rule="has(self.ipBlock) != (has(self.podSelector) || has(self.namespaceSelector))",message="a peer is either an ipBlock, or a podSelector, a namespaceSelector or both; name one of these, and write a second peer for the other"
type Peer struct {
	// namespaceSelector selects namespaces by their labels. Alone it selects all their pods, with podSelector those pods in them. The
	// empty selector {} selects all namespaces, except for those of Kubernetes, Liqo, other guests and Data Spacer. It selects kube-system
	// and the like only if it requires the label kubernetes.io/metadata.name by value, and guests' namespaces only if it requires the label
	// liqo.io/remote-cluster-id. It never selects the namespace of Data Spacer.
	// +optional
	NamespaceSelector *Selector `json:"namespaceSelector,omitempty"`
	// podSelector selects pods by their labels. Without namespaceSelector it selects pods of the guest's own namespace.
	// +optional
	PodSelector *Selector `json:"podSelector,omitempty"`
	// ipBlock is a network outside the cluster. It opens neither nodes nor their pods: select pods by their labels.
	// +optional
	IPBlock *IPBlock `json:"ipBlock,omitempty"`
}

// IPBlock is a network, without parts of it.
// +kubebuilder:validation:XValidation:rule="!isCIDR(self.cidr) || !['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/4', '240.0.0.0/4', '::/96', 'fe80::/10', 'ff00::/8'].exists(c, cidr(c).containsCIDR(cidr(self.cidr)))",message="cidr: loopback, link-local (with the metadata services of clouds) and multicast addresses are never opened; remove it"
// +kubebuilder:validation:XValidation:rule="!has(self.except) || !isCIDR(self.cidr) || self.except.all(e, !isCIDR(e) || cidr(self.cidr).containsCIDR(cidr(e)) && e != self.cidr)",message="except: each network must lie within cidr, and be smaller than it; correct it, or remove it"
type IPBlock struct {
	// cidr is the network, such as 203.0.113.0/24 or 2001:db8::/32. A network that contains a private one (10.0.0.0/8, 100.64.0.0/10,
	// 172.16.0.0/12, 192.168.0.0/16, fc00::/7) opens only the rest: 0.0.0.0/0 is the Internet. Private networks are opened where they, or
	// networks within them, are named.
	// +required
	CIDR CIDR `json:"cidr"`
	// except are networks within cidr that are not allowed.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=16
	Except []CIDR `json:"except,omitzero"`
}

// Port is a port, a named port of the pods, or a range of ports.
// +kubebuilder:validation:XValidation:rule="!has(self.endPort) || has(self.port) && type(self.port) == int && int(self.port) <= self.endPort",message="endPort: a range begins at port, a number that is not above endPort; correct port, or remove endPort"
// +kubebuilder:validation:XValidation:rule="!has(self.port) || type(self.port) != int || int(self.port) >= 1 && int(self.port) <= 65535",message="port: not a port; use 1 to 65535"
type Port struct {
	// protocol is TCP, UDP or SCTP. Pods with a proxy send and receive TCP only (and DNS): the others matter in namespaces with
	// data-space/apply-webhook=false.
	// +optional
	// +kubebuilder:default=TCP
	// +kubebuilder:validation:Enum=TCP;UDP;SCTP
	Protocol corev1.Protocol `json:"protocol,omitempty"`
	// port is a number, or the name of a port of the pods; left out: all ports of the protocol.
	// +optional
	Port *intstr.IntOrString `json:"port,omitempty"`
	// endPort is the last port of the range that begins at port.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	EndPort *int32 `json:"endPort,omitempty"`
}
