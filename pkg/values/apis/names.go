package apis

// Labels that Liqo sets on namespaces of the hosting cluster.
const (
	// LabelRemoteCluster is on every namespace that belongs to a guest; its value is the guest's cluster id.
	LabelRemoteCluster = "liqo.io/remote-cluster-id"
	// LabelTenantNamespace marks Liqo's own per-guest namespace, which also bears LabelRemoteCluster and is never foreign.
	LabelTenantNamespace = "liqo.io/tenant-namespace"
	// tenantNamespacePrefix begins the names of tenant namespaces; the guest's cluster id follows.
	tenantNamespacePrefix = "liqo-tenant-"
)

// What Liqo keeps on and in a namespace that it has made for a guest, for as long as the namespace exists.
const (
	// AnnotationNamespaceMap names the NamespaceMap by which the namespace was made: "tenant namespace/name".
	AnnotationNamespaceMap = "liqo.io/managed-by-namespace-map"
	// RemoteClusterRole is the ClusterRole of the RoleBinding that gives the guest's group its rights in the namespace.
	RemoteClusterRole = "liqo-virtual-kubelet-remote"
	// LiqoManager is the value of LabelManagedBy on what Liqo makes.
	LiqoManager = "liqo"
)

// Labels by which a Hospital steers Data Spacer.
const (
	// LabelApplyWebhook = "false" on a namespace: no ConfigMap and no injection there.
	LabelApplyWebhook = "data-space/apply-webhook"
	// LabelApplyNetpol = "false" on a namespace: no NetworkPolicy there.
	LabelApplyNetpol = "data-space/apply-netpol"
	// LabelNetpolAllow = "true" on a namespace or pod: foreign pods may reach it and be reached from it.
	LabelNetpolAllow = "data-space/netpol-allow"
	// LabelHTTPProxy = "true" on a namespace: its containers get http_proxy and HTTP_PROXY, naming the explicit proxy.
	LabelHTTPProxy = "data-space/http-proxy"
	// LabelWorkloadNetpol on a namespace: "true" for a least-privilege NetworkPolicy of each workload, "audit" for policies that select no
	// LabelWorkloadPolicy is on each policy that the controller generates for a workload; its value is the mode in lower case.
	LabelWorkloadPolicy = "data-space.liqo.io/workload-policy"
	// AnnotationReasons of a generated policy has a line for each rule, why it is there: "from" for ingress, then "to" for egress.
	AnnotationReasons = "data-space.liqo.io/reasons"
	// AnnotationWouldSelect of a generated policy in mode Audit is the selector that it would have.
	AnnotationWouldSelect = "data-space.liqo.io/would-select"
	// pod, "false" for none.
	LabelWorkloadNetpol = "data-space/workload-netpol"
	// LabelName tells which program of Data Spacer a pod runs.
	LabelName = "app.kubernetes.io/name"
	// LabelManagedBy tells who made an object.
	LabelManagedBy = "app.kubernetes.io/managed-by"
)

// What the controller writes on the namespaces of a guest, from its GuestPolicy: what programs need that must work while the controller
// or the API server is away.
const (
	// LabelGuest is the cluster id of the guest whose namespace it is. It outlives LabelRemoteCluster: see Settled.
	LabelGuest = "data-space.liqo.io/guest"
	// AnnotationLabelLost says that Liqo's labels were lost or changed, and what to do.
	AnnotationLabelLost = "data-space.liqo.io/label-lost"
	// LabelSuspended = "true": the guest is suspended. Agents close its pods, and no pod of it starts.
	LabelSuspended = "data-space.liqo.io/suspended"
	// AnnotationServiceTypes lists the types of Services, beside ClusterIP, that the guest may have, with a comma between them.
	AnnotationServiceTypes = "data-space.liqo.io/service-types"
)

// AnnotationReleasedFrom is how the Hospital releases a namespace from the guest whose cluster id is the value. While it is there, Liqo's annotation
// and RoleBinding do not make the namespace a guest's.
const AnnotationReleasedFrom = "data-space.liqo.io/released-from"

// LabelEnforced = "true" on a Node: a ready agent of the node's present boot has renewed its Lease. Foreign pods are scheduled to such
// nodes only. Kubernetes reserves labels below node-restriction.kubernetes.io: the admission plugin NodeRestriction keeps kubelets
// from writing them. Only the controller writes this one.
const (
	LabelEnforced = "data-space.liqo.io.node-restriction.kubernetes.io/enforced"
	EnforcedTrue  = "true"
)

// ConditionQuarantined is the type of the condition of a pod that the agent has quarantined.
const ConditionQuarantined = "data-space.liqo.io/Quarantined"

// GuestPriorityClass is the PriorityClass of deploy/webhook.yaml that foreign pods get: it preempts no pod.
const GuestPriorityClass = "data-space-guest"

// Objects that the controller makes in each foreign namespace.
const (
	EnvoyConfigMapName         = "data-space-envoy-config"
	EnvoyConfigKey             = "envoy.yaml"
	EnvoyModuleConfigKey       = "envoy-module.yaml" // the same for proxies whose module reads along
	ProxyModule                = "/usr/local/lib/libfollower.so"
	NetworkPolicyName          = "data-space-network-policy"
	ControllerName             = "data-space-controller" // also its field manager and its LabelManagedBy value
	SystemNamespace            = "data-spacer"
	ProxyContainerName         = "data-space-proxy"
	SeccompFolder              = "data-spacer" // of our profiles, below the kubelet's folder of seccomp profiles
	ProxyConfigVolume          = "data-space-envoy-config"
	ProxyRuntimeVolume         = "data-space-proxy-run"
	ProxyConfigDir             = "/etc/envoy"
	ProxyRuntimeDir            = "/run/data-space"
	ProxyAdminSocket           = ProxyRuntimeDir + "/admin.sock"
	ProxyReadyPath             = "/ready"
	ProxyUID             int64 = 1303
)

// GuestNetworkPolicyName names the NetworkPolicy of what a GuestPolicy opens, beside NetworkPolicyName.
const GuestNetworkPolicyName = "data-space-guest-policy"

// The guests' resolver, in SystemNamespace.
const (
	// ResolverName names its Deployment, its Service, the ConfigMap that the controller makes for it, and its pods' LabelName.
	ResolverName      = "data-space-resolver"
	ResolverConfigKey = "Corefile"
	// NamesConfigMapName names the ConfigMap with what the resolver answers of the hosts in GuestPolicies, which has it under NamesKey.
	NamesConfigMapName = "data-space-names"
	NamesKey           = "answers"
	// ResolverContainerName is the one container of its pods.
	ResolverContainerName = "resolver"
)

// Logging returns the Deployments in SystemNamespace whose logs are about guests, with their container: the guests' resolver, and the programs that
// write facts (package factlines).
func Logging() map[string]string {
	return map[string]string{ResolverName: ResolverContainerName, "data-space-webhook": "webhook", ControllerName: "controller", "data-space-proxy": "proxy"}
}

// Ports of the proxy inside a foreign pod.
const (
	PortEgressTCP  uint16 = 13031 // transparent: every outgoing TCP connection is redirected here (loopback only)
	PortEgressHTTP uint16 = 13032 // explicit HTTP proxy for the pod's own applications (loopback only)
	PortIngressTCP uint16 = 13041 // transparent: every incoming TCP connection is redirected here
	PortDNS        uint16 = 13053 // transparent: every outgoing UDP datagram to port 53 is redirected here (loopback only)
	PortReady      uint16 = 13043 // answers ProxyReadyPath with 200 and all else with 404; the kubelet's probes of the proxy
)

// ProxyPorts returns the TCP ports on which the proxy listens. Its one UDP port is PortDNS.
func ProxyPorts() []uint16 {
	return []uint16{PortEgressTCP, PortEgressHTTP, PortIngressTCP, PortReady}
}
