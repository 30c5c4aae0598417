package v1alpha1

// Workload says what a guest may create. The rules that keep a pod from bypassing its proxy (host namespaces, host paths, added
// capabilities and others; see docs/admission.md) are not settings: they hold whatever is written here.
type Workload struct {
	// mode is Enforce or Audit; left out everywhere, it is Enforce.
	//
	// Audit admits what podSecurity, ingressClasses, serviceTypes, storageClasses, exec and portForward do not allow, and reports it. What
	// could bypass the proxy is refused all the same: objects that violate the level baseline, runtimeClasses, devices, seccompProfiles
	// and endpointNetworks.
	// +optional
	Mode Mode `json:"mode,omitempty"`
	// podSecurity is the level of the Pod Security Standards that each pod must meet: baseline or restricted. It overrides the webhook's
	// flag --pod-security.
	// +optional
	PodSecurity PodSecurity `json:"podSecurity,omitempty"`
	// runtimeClasses are the names of the RuntimeClasses that pods may name. A sandboxed runtime (gVisor, Kata) has a network stack of its
	// own, which the rules in a pod's network namespace do not see: name only runtimes whose traffic leaves by the pod's interface. It
	// overrides --runtime-classes.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	RuntimeClasses []ObjectName `json:"runtimeClasses,omitzero"`
	// devices are the extended resources that pods may request, such as nvidia.com/gpu. A network device carries its packets past the
	// rules: do not name one. It overrides --devices.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	Devices []ExtendedResource `json:"devices,omitzero"`
	// seccompProfiles are the profiles of the nodes that pods may name, beside the one of Data Spacer. It overrides --seccomp-profiles.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=256
	SeccompProfiles []string `json:"seccompProfiles,omitzero"`
	// priorityClasses are the PriorityClasses that pods may name. Pods that name another get data-space-guest, which preempts no pod. It
	// overrides --priority-classes.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	PriorityClasses []ObjectName `json:"priorityClasses,omitzero"`
	// storageClasses are the StorageClasses that PersistentVolumeClaims may name; empty: any. It overrides --storage-classes.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	StorageClasses []ObjectName `json:"storageClasses,omitzero"`
	// ingressClasses are the classes of the Ingresses that the guest may create: each publishes its pods. It overrides --ingress-classes.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	IngressClasses []ObjectName `json:"ingressClasses,omitzero"`
	// serviceTypes are the types of the Services that the guest may create: ClusterIP, NodePort or LoadBalancer. NodePort and LoadBalancer
	// publish its pods outside the cluster. Left out everywhere, it is [ClusterIP]. ClusterIP is always allowed.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=3
	ServiceTypes []ServiceType `json:"serviceTypes,omitzero"`
	// nodePorts are the port numbers of the nodes, such as 30500 or 30500-30509, that the guest's Services of type NodePort and LoadBalancer
	// may choose for themselves (nodePort, healthCheckNodePort). Left out everywhere: none, and the cluster chooses each number.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	NodePorts []PortRange `json:"nodePorts,omitzero"`
	// endpointNetworks are the networks, in CIDR notation, in which the addresses of the guest's own EndpointSlices may be. It overrides
	// --endpoint-networks.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	EndpointNetworks []CIDR `json:"endpointNetworks,omitzero"`
	// exec is whether users may exec into, attach to, and add ephemeral containers to the guest's pods: Allowed or Denied. Left out
	// everywhere, it is Allowed. The proxy's container is closed to all users with either value.
	// +optional
	Exec Permission `json:"exec,omitempty"`
	// portForward is whether users may forward ports to the guest's pods: Allowed or Denied. Left out everywhere, it is Allowed.
	// +optional
	PortForward Permission `json:"portForward,omitempty"`
}

// PodSecurity is a level of the Pod Security Standards.
// +kubebuilder:validation:Enum=baseline;restricted
type PodSecurity string

// ServiceType is a type of Services that a guest may have. Type ExternalName is not allowed: it is a way out that no policy sees.
// +kubebuilder:validation:Enum=ClusterIP;NodePort;LoadBalancer
type ServiceType string

// PortRange is a port number, or a first and a last one with a hyphen between them.
// +kubebuilder:validation:MaxLength=11
// +kubebuilder:validation:Pattern=`^[1-9][0-9]{0,4}(-[1-9][0-9]{0,4})?$`
// +kubebuilder:validation:XValidation:rule="self.split('-').all(p, int(p) <= 65535 && int(p) >= int(self.split('-')[0]))",message="not a range of ports; write the smaller number first and none above 65535, for example 30500-30509"
type PortRange string

// ObjectName is the name of an object of the cluster (a DNS subdomain, RFC 1123).
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=253
// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
type ObjectName string

// ExtendedResource is the name of an extended resource: a domain, a slash and a name.
// +kubebuilder:validation:MaxLength=316
// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?/[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$`
type ExtendedResource string

// CIDR is a network, such as 203.0.113.0/24 or 2001:db8::/32.
// +kubebuilder:validation:MinLength=3
// +kubebuilder:validation:MaxLength=43
// +kubebuilder:validation:XValidation:rule="isCIDR(self) && cidr(self) == cidr(self).masked()",message="not a network; write the network's own address and its length, for example 203.0.113.0/24 or 2001:db8::/32"
type CIDR string
