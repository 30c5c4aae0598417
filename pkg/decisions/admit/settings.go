package admit

import (
	"fmt"
	"net/netip"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
)

// Settings is what the Hospital grants its guests. The zero value grants nothing beyond the level baseline.
type Settings struct {
	// PodSecurity is the level of the Pod Security Standards; empty means Baseline.
	PodSecurity Level
	// RuntimeClasses are the RuntimeClasses that foreign pods may name. A sandboxed runtime (gVisor, Kata) has a network
	// stack of its own, which the rules in the pod's network namespace do not see.
	RuntimeClasses []string
	// Devices are the extended resources that foreign pods may ask for, such as nvidia.com/gpu. A network device given to
	// a pod carries its packets past the rules.
	Devices []string
	// SeccompProfiles are the profiles of the node that foreign pods may name, besides ours (localhostProfile).
	SeccompProfiles []string
	// IngressClasses are the classes of the Ingresses that a guest may have: each publishes its pods.
	IngressClasses []string
	// StorageClasses are the classes that guests' claims may name; empty: any, but a class must be named.
	StorageClasses []string
	// PriorityClasses are the PriorityClasses that foreign pods may name. All others get one that preempts no pod.
	PriorityClasses []string
	// Tolerations are keys of taints of Kubernetes or of an autoscaler that foreign pods may tolerate.
	Tolerations []string
	// EndpointNetworks hold the addresses that EndpointSlices may name when Kubernetes' own controllers did not write them.
	EndpointNetworks []netip.Prefix
	// NodeSelector is what the node selector of each pod has: a pod that names another value is refused.
	NodeSelector map[string]string
	// ServiceTypes are the types of Services, beside ClusterIP, that a guest may have.
	ServiceTypes []corev1.ServiceType
	// NodePorts are the port numbers of nodes that a Service may choose for itself.
	NodePorts []PortRange
	// AnyIngressClass admits Ingresses of each class, and without one.
	AnyIngressClass bool
	// NoExec refuses exec, attach and new ephemeral containers; NoPortForward refuses port-forward.
	NoExec, NoPortForward bool
	// SuspendedGuest is the cluster id of a guest that is suspended: none of its pods is admitted, and exec, attach and port-forward into them are refused. Empty: it is active.
	SuspendedGuest string
	// Audit: Audited decides what is refused, and what s refuses beyond it is only reported.
	Audit bool

	standards standards
	// guest is whose settings these are, and setters has the GuestPolicies that set their fields (guestsettings.Setters): for messages only.
	guest   string
	setters map[string]string
}

// ParseNames reads "a,b". Each is the name of an object of the cluster (RFC 1123).
func ParseNames(text string) ([]string, error) {
	return parseList(text, func(name string) (string, error) {
		if problems := validation.IsDNS1123Subdomain(name); len(problems) > 0 {
			return "", fmt.Errorf("%q is not a name: %s", name, problems[0])
		}
		return name, nil
	})
}

// ParseDevices reads "vendor.example/gpu,vendor.example/fpga". Only names with a domain are extended resources.
func ParseDevices(text string) ([]string, error) {
	return parseList(text, func(name string) (string, error) {
		if problems := validation.IsQualifiedName(name); len(problems) > 0 || !strings.Contains(name, "/") {
			return "", fmt.Errorf("%q is not an extended resource; write for example nvidia.com/gpu", name)
		}
		return name, nil
	})
}

// ParseTolerations reads "node.kubernetes.io/unschedulable,karpenter.sh/disrupted": keys of taints.
func ParseTolerations(text string) ([]string, error) {
	return parseList(text, func(key string) (string, error) {
		if problems := validation.IsQualifiedName(key); len(problems) > 0 {
			return "", fmt.Errorf("%q is not the key of a taint: %s; write for example node.kubernetes.io/unschedulable", key, problems[0])
		}
		return key, nil
	})
}

// ParseNetworks reads "203.0.113.0/24,2001:db8::/32".
func ParseNetworks(text string) ([]netip.Prefix, error) {
	return parseList(text, func(network string) (netip.Prefix, error) {
		prefix, err := netip.ParsePrefix(network)
		if err != nil || prefix != prefix.Masked() {
			return netip.Prefix{}, fmt.Errorf("%q is not a network; write for example 203.0.113.0/24 or 2001:db8::/32", network)
		}
		return prefix, nil
	})
}

// parseList reads what stands between commas; nothing at all is an empty list.
func parseList[T any](text string, parse func(string) (T, error)) ([]T, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	var list []T
	for part := range strings.SplitSeq(text, ",") {
		value, err := parse(strings.TrimSpace(part))
		if err != nil {
			return nil, err
		}
		list = append(list, value)
	}
	return list, nil
}

// PortRange is a range of port numbers, the first and the last included.
type PortRange struct{ First, Last int32 }

// Level is a level of the Pod Security Standards.
type Level string

// The levels that a Hospital can ask for. Privileged is not one of them.
const (
	Baseline   Level = "baseline"
	Restricted Level = "restricted"
)

// standards are the rules of each level, built once: the library builds them again for each evaluation.
type standards map[Level][]check
