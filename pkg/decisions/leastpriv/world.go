package leastpriv

import (
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"data-space.liqo.io/pkg/values/apis"
)

// Mode is what is done with the policies of a namespace's workloads.
type Mode string

// The modes of a namespace.
const (
	Off     Mode = ""
	Enforce Mode = "Enforce"
	Audit   Mode = "Audit" // the policies are written, but select no pod
)

// World is what the policies depend on.
type World struct {
	Settings
	// Owner owns the policies, so that they go with the installation.
	Owner metav1.OwnerReference
	// Namespaces are all of the cluster, by name.
	Namespaces map[string]Namespace
	// Workloads are those of namespaces whose mode is not Off.
	Workloads []Workload
	// Services are all of the cluster. They are read only: they may be those of a shared cache.
	Services []*corev1.Service
	// Slices are the EndpointSlices of Services without a selector.
	Slices []*discoveryv1.EndpointSlice
	// Pods are those that a name may stand for: with an address of their own, and not ended.
	Pods []Pod
}

// Settings are the same for the whole cluster.
type Settings struct {
	// ClusterDomain is the domain of the cluster's own names, without a dot at its ends.
	ClusterDomain string
	// DNS are the pods that answer names, and LocalDNS the addresses of nodes' DNS caches.
	DNS      []Peer
	LocalDNS []netip.Addr
	// IngressControllers are the values of the label app.kubernetes.io/name by which pods of ingress controllers are known.
	IngressControllers []string
	// MaxPeers is how many peers a policy has in each direction.
	MaxPeers int
}

// Peer is pods of one namespace.
type Peer struct {
	Namespace string
	// Labels are what a pod must have, all of them (matchLabels).
	Labels map[string]string
}

// DefaultSettings are those of kubeadm's clusters, and of the ingress controllers that the original system knew.
func DefaultSettings() Settings {
	return Settings{
		ClusterDomain:      "cluster.local",
		DNS:                []Peer{{"kube-system", map[string]string{"k8s-app": "kube-dns"}}},
		LocalDNS:           []netip.Addr{netip.AddrFrom4([4]byte{169, 254, 20, 10})},
		IngressControllers: []string{"ingress-nginx", "contour", "traefik", "haproxy"},
		MaxPeers:           200,
	}
}

// Namespace is what decides over a namespace's part.
type Namespace struct {
	// Labels are those of the Namespace object: whose it is, and what the Hospital allows there.
	Labels map[string]string
	Mode   Mode
}

func (n Namespace) foreign() bool { return apis.IsForeign(n.Labels) }

// Workload is what makes pods of one kind, or a pod that nothing makes.
type Workload struct {
	Kind, Namespace, Name string
	UID                   types.UID
	// Selector selects the workload's pods. It is nil for pods without labels.
	Selector *metav1.LabelSelector
	// Labels are those of its pods.
	Labels map[string]string
	// Jobs are the names of a CronJob's Jobs, by which its pods are known if they have no labels.
	Jobs []string
	// Ports are the ports that its containers declare.
	Ports []corev1.ContainerPort
	// Wishes are the names in the environment and the arguments of its containers.
	Wishes Wishes
}

func (w Workload) String() string { return w.Kind + " " + w.Namespace + "/" + w.Name }

// Pod is a pod that runs, with addresses of its own.
type Pod struct {
	Namespace, Name string
	Labels          map[string]string
	Addresses       []netip.Addr
	Ports           []corev1.ContainerPort
	// Unread means that its labels are longer than is kept: it has some, and they are not here.
	Unread bool
}
