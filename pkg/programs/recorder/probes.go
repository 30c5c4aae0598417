package recorder

import (
	"context"
	"net"
	"net/netip"
	"time"

	"data-space.liqo.io/pkg/decisions/record"
	"data-space.liqo.io/pkg/values/workload"
)

// Pods knows the probes of the node's pods.
type Pods interface {
	Probes(ctx context.Context, namespace, name, uid string) []workload.Probe
}

// Probes returns what marks the probes of the kubelet of this node, in whose network the program is. It is for one goroutine.
func Probes(ctx context.Context, pods Pods) *record.Probes {
	return &record.Probes{
		Node: nodeAddresses(),
		Of:   func(s record.Source) []workload.Probe { return pods.Probes(ctx, s.Namespace, s.Pod, s.UID) },
	}
}

// nodeAddresses returns whether an address is one of the node's. It looks again at most every few seconds.
func nodeAddresses() func(netip.Addr) bool {
	const every = 10 * time.Second
	var known map[netip.Addr]bool
	var looked time.Time
	return func(addr netip.Addr) bool {
		if time.Since(looked) > every {
			all, err := net.InterfaceAddrs()
			if err != nil {
				return false
			}
			known, looked = map[netip.Addr]bool{}, time.Now()
			for _, a := range all {
				if prefix, err := netip.ParsePrefix(a.String()); err == nil {
					known[prefix.Addr().Unmap()] = true
				}
			}
		}
		return known[addr]
	}
}
