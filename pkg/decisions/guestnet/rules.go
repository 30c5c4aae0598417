package guestnet

import (
	"errors"
	"fmt"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/v1alpha1"
)

// Cluster is what a GuestPolicy never opens in this cluster.
type Cluster struct {
	// Addresses are those of nodes and of their pods, of the API server, and what the Hospital has added.
	Addresses []netip.Prefix
	// Installation is the namespace of Data Spacer.
	Installation string
	// Peers are Liqo's peers.
	Peers []Peer
	// Guest is the guest whose section it is; empty: that of all guests.
	Guest string
	// Names returns what is known of a host's name. nil: nothing.
	Names func(name string) Resolution
	// Domain is that of the cluster's own names.
	Domain string

	home bool // the guest's own external network is opened
}

// Opened is what a section network opens.
type Opened struct {
	Ingress []networkingv1.NetworkPolicyIngressRule
	Egress  []networkingv1.NetworkPolicyEgressRule
	// Closed are the peers and rules that open nothing, each with its field, the reason and the remedy. All others are opened.
	Closed []string
	// Named has for each name in the section the addresses that are answered, none as long as none is open.
	Named map[string][]netip.Addr
	// Unnamed are the names that open nothing, or not all of their addresses, each with its field, the reason and the remedy.
	Unnamed []string
}

// Empty reports whether nothing is opened.
func (o Opened) Empty() bool { return len(o.Ingress) == 0 && len(o.Egress) == 0 }

// Rules decides what a section opens. A rule without a peer or a port that is left is left out: NetworkPolicy would take it for all.
func Rules(n *v1alpha1.Network, c Cluster) Opened {
	if n == nil {
		return Opened{}
	}
	if c.Names == nil {
		c.Names = func(string) Resolution { return Resolution{} }
	}
	r := &renderer{cluster: c, section: n, names: NamesOf(n)}
	for i, rule := range n.Egress {
		at := fmt.Sprintf("spec.network.egress[%d]", i)
		to := append(r.peers(at+".to", rule.To), r.named(at+".names", rule.Names)...)
		if len(to) > 0 {
			r.opened.Egress = append(r.opened.Egress, networkingv1.NetworkPolicyEgressRule{To: to, Ports: outward(rule.Ports)})
		}
	}
	r.homeAPI(n)
	for i, rule := range n.Ingress {
		at := fmt.Sprintf("spec.network.ingress[%d]", i)
		from := r.peers(at+".from", rule.From)
		ports, open := inward(rule.Ports)
		if !open {
			r.close(at+".ports", "the proxy of each pod listens on these ports, and no rule opens them; use others")
		}
		if open && len(from) > 0 {
			r.opened.Ingress = append(r.opened.Ingress, networkingv1.NetworkPolicyIngressRule{From: from, Ports: ports})
		}
	}
	if r.exceptions > mostExceptionsAll {
		return Opened{Closed: []string{fmt.Sprintf("spec.network: opens nothing: %d parts of its networks are never opened, which is more than %d;"+
			" name fewer or smaller networks", r.exceptions, mostExceptionsAll)}}
	}
	return r.opened
}

type renderer struct {
	cluster    Cluster
	section    *v1alpha1.Network
	names      []string // of the section, as many as are looked up
	opened     Opened
	exceptions int
}

func (r *renderer) close(field, problem string) {
	r.opened.Closed = append(r.opened.Closed, field+": "+problem)
}

// peers returns the peers of a GuestPolicy as those of a NetworkPolicy. A block that overlaps with what stays closed is cut, or left out and
// reported; at is the path of the field in the report.
func (r *renderer) peers(at string, peers []v1alpha1.Peer) []networkingv1.NetworkPolicyPeer {
	var out []networkingv1.NetworkPolicyPeer
	for i, p := range peers {
		field := fmt.Sprintf("%s[%d]", at, i)
		if p.IPBlock != nil {
			block, err := r.cluster.block(*p.IPBlock)
			if err != nil {
				r.close(field+".ipBlock", fmt.Sprintf("%s: %v", p.IPBlock.CIDR, err))
				continue
			}
			r.exceptions += len(block.Except)
			out = append(out, networkingv1.NetworkPolicyPeer{IPBlock: block})
			continue
		}
		peer := networkingv1.NetworkPolicyPeer{NamespaceSelector: r.cluster.namespaces(p.NamespaceSelector), PodSelector: p.PodSelector.LabelSelector()}
		if problem := invalid(peer); problem != nil {
			r.close(field, problem.Error())
			continue
		}
		out = append(out, peer)
	}
	return out
}

// invalid finds what the schema refuses, should it come past it: an empty peer, and selectors that the API server would not take.
func invalid(peer networkingv1.NetworkPolicyPeer) error {
	if peer.NamespaceSelector == nil && peer.PodSelector == nil {
		return errors.New("has no selector; name pods or a network")
	}
	for _, s := range []*metav1.LabelSelector{peer.NamespaceSelector, peer.PodSelector} {
		if _, err := metav1.LabelSelectorAsSelector(s); err != nil {
			return err
		}
	}
	return nil
}

// homeAPI opens the external networks of the guest.
func (r *renderer) homeAPI(n *v1alpha1.Network) {
	if n.HomeAPI != v1alpha1.Allowed || r.cluster.Guest == "" {
		return
	}
	at := r.cluster
	at.home = true
	var to []networkingv1.NetworkPolicyPeer
	for _, p := range at.Peers {
		if p.Guest != at.Guest {
			continue
		}
		for _, external := range p.External {
			if block, err := at.block(v1alpha1.IPBlock{CIDR: v1alpha1.CIDR(external.String())}); err == nil {
				r.exceptions += len(block.Except)
				to = append(to, networkingv1.NetworkPolicyPeer{IPBlock: block})
			}
		}
	}
	if len(to) == 0 {
		r.close("spec.network.homeAPI", "no external network of this guest is known that may be opened: Liqo's Configuration with the label "+
			apis.LabelRemoteCluster+" has none in status.remote.cidr.external; peer the networks, or set homeAPI to Denied")
		return
	}
	r.opened.Egress = append(r.opened.Egress, networkingv1.NetworkPolicyEgressRule{
		To: to, Ports: []networkingv1.NetworkPolicyPort{{Protocol: ptr.To(corev1.ProtocolTCP)}},
	})
}
