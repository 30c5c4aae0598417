package leastpriv

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// opening is one peer of one workload: pods of a namespace, or an address, and the ports there.
type opening struct {
	namespace string                // of the pods; empty with an address
	spaces    *metav1.LabelSelector // the namespaces of the pods, where it is not one by name
	pods      *metav1.LabelSelector // nil: an address
	address   netip.Prefix
	// of are the labels of the pods that are meant, by which the workload at the other end is found.
	of    labels.Set
	ports []networkingv1.NetworkPolicyPort // none: all
	why   string
	last  bool   // is left out first if there are too many
	owned bool   // ports are of this opening alone
	name  string // key, once merged
}

// key is the same for openings to the same peer.
func (o opening) key() string {
	if o.pods == nil {
		return o.address.String()
	}
	if o.spaces != nil {
		return "(" + metav1.FormatLabelSelector(o.spaces) + ")/" + metav1.FormatLabelSelector(o.pods)
	}
	return o.namespace + "/" + metav1.FormatLabelSelector(o.pods)
}

func (o opening) String() string {
	if o.pods == nil {
		return "address " + o.address.String()
	}
	namespace := "namespace " + o.namespace
	if o.spaces != nil {
		namespace = "namespaces " + metav1.FormatLabelSelector(o.spaces)
	}
	return fmt.Sprintf("pods %s in %s", metav1.FormatLabelSelector(o.pods), namespace)
}

// merge puts openings to the same peer into one, in a fixed order, those that are left out first at the end.
func merge(all []opening) []opening {
	at := map[string]int{}
	var merged []opening
	for _, o := range all {
		o.name = o.key()
		i, there := at[o.name]
		if !there {
			at[o.name] = len(merged)
			merged = append(merged, o)
			continue
		}
		merged[i].add(o)
	}
	for i := range merged {
		merged[i].ports = normal(merged[i].ports)
	}
	slices.SortFunc(merged, func(a, b opening) int {
		if a.last != b.last {
			if a.last {
				return 1
			}
			return -1
		}
		return compare(a.name, b.name)
	})
	return merged
}

// add opens what another opening to the same peer does.
func (o *opening) add(more opening) {
	if len(o.ports) > 0 && len(more.ports) > 0 {
		if !o.owned {
			o.ports, o.owned = slices.Clone(o.ports), true
		}
		o.ports = append(o.ports, more.ports...)
	} else {
		o.ports, o.owned = nil, true
	}
	if len(o.why) < reasonLimit && !strings.Contains(o.why, more.why) {
		o.why += "; " + more.why
	}
	o.last = o.last && more.last
}

const (
	// openingLimit is how many bytes the labels and ports of one peer may have, and directionLimit those of all peers of a direction: the
	// API server does not store a policy of more than 1.5 MB, and a tenant chooses the labels and ports of its own Services and pods.
	openingLimit   = 64 << 10
	directionLimit = 512 << 10
	portSize       = 48 // as JSON
)

func (o opening) size() int { return 2*len(o.name) + portSize*len(o.ports) }

// fitting returns the openings without those that are too long, or for which there is no room after those before them.
func fitting(all []opening, room int) []opening {
	var kept []opening
	left := min(directionLimit, room)
	for _, o := range all {
		size := o.size()
		if size > openingLimit || size > left {
			continue
		}
		left -= size
		kept = append(kept, o)
	}
	return kept
}

// normal sorts ports and drops those that are there twice.
func normal(ports []networkingv1.NetworkPolicyPort) []networkingv1.NetworkPolicyPort {
	if len(ports) < 2 {
		return ports
	}
	type named struct {
		name string
		port networkingv1.NetworkPolicyPort
	}
	all := make([]named, 0, len(ports))
	for _, p := range ports {
		all = append(all, named{portText(p), p})
	}
	slices.SortFunc(all, func(a, b named) int { return compare(a.name, b.name) })
	all = slices.CompactFunc(all, func(a, b named) bool { return a.name == b.name })
	sorted := make([]networkingv1.NetworkPolicyPort, 0, len(all))
	for _, p := range all {
		sorted = append(sorted, p.port)
	}
	return sorted
}

// portText sorts numbers as numbers.
func portText(p networkingv1.NetworkPolicyPort) string {
	return fmt.Sprintf("%s/%6s", *p.Protocol, p.Port)
}

// with returns a selector that also requires a label, and false if it then selects nothing.
func with(selector *metav1.LabelSelector, key, value string) (*metav1.LabelSelector, bool) {
	if present, there := selector.MatchLabels[key]; there && present != value {
		return nil, false
	}
	narrowed := selector.DeepCopy()
	if narrowed.MatchLabels == nil {
		narrowed.MatchLabels = map[string]string{}
	}
	narrowed.MatchLabels[key] = value
	return narrowed, true
}
