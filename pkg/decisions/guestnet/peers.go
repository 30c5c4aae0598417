package guestnet

import (
	"net/netip"

	"data-space.liqo.io/pkg/values/apis"
)

// mostPeerNetworks bounds the networks of a peer.
const mostPeerNetworks = 16

// Peer are the networks of a peered cluster, as this cluster maps them.
type Peer struct {
	Guest string // its cluster id
	// Pods are the networks of its pods, External those by which it offers addresses of its own, among them its API server's.
	Pods, External []netip.Prefix
}

// PeerIn reads a Configuration of Liqo's (networking.liqo.io).
func PeerIn(object map[string]any) Peer {
	cidr := field(object, "status", "remote", "cidr")
	guest, _ := field(object, "metadata", "labels")[apis.LabelRemoteCluster].(string)
	return Peer{Guest: guest, Pods: networks(cidr["pod"]), External: networks(cidr["external"])}
}

func field(object map[string]any, path ...string) map[string]any {
	for _, name := range path {
		object, _ = object[name].(map[string]any)
	}
	return object
}

// networks reads one network, or a list of them.
func networks(value any) []netip.Prefix {
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	var all []netip.Prefix
	for _, one := range list[:min(len(list), mostPeerNetworks)] {
		text, _ := one.(string)
		if p, err := netip.ParsePrefix(text); err == nil {
			all = append(all, p.Masked())
		}
	}
	return all
}

// peered returns what is never opened of a network because it is a peer's: the guest's own external network, which only homeAPI opens,
// all networks of other peers, and the guest's own pods where the network is not within theirs.
func (c Cluster) peered(whole netip.Prefix) []netip.Prefix {
	var cuts []netip.Prefix
	for _, p := range c.Peers {
		if own := c.Guest != "" && p.Guest == c.Guest; !own {
			cuts = append(cuts, p.External...)
			cuts = append(cuts, p.Pods...)
			continue
		}
		if !c.home {
			cuts = append(cuts, p.External...)
		}
		for _, pods := range p.Pods {
			if !within(whole, pods) {
				cuts = append(cuts, pods)
			}
		}
	}
	return cuts
}
