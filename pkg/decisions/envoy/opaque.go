package envoy

import (
	"fmt"
	"slices"

	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// maxOpaquePorts bounds the chains that opaque ports add to each transparent listener.
const maxOpaquePorts = 32

// opaqueChains pass the connections to Settings.OpaquePorts on as bytes, and record them as such. Their first bytes are not
// waited for.
func (b *builder) opaqueChains(d direction, cluster string) []*listenerv3.FilterChain {
	var chains []*listenerv3.FilterChain
	for _, port := range b.settings.OpaquePorts {
		chains = append(chains, portChain(fmt.Sprintf("%s_opaque_%d", d, port), port, b.tcpFilters(d, kindTCP, cluster)))
	}
	return chains
}

func (s Settings) validateOpaquePorts(at *field.Path) field.ErrorList {
	var errs field.ErrorList
	if len(s.OpaquePorts) > maxOpaquePorts {
		errs = append(errs, field.TooMany(at, len(s.OpaquePorts), maxOpaquePorts))
	}
	for i, port := range s.OpaquePorts {
		switch {
		case port == 0:
			errs = append(errs, field.Invalid(at.Index(i), port, "choose a port from 1 to 65535"))
		case port == portDNS || slices.Contains(ownPorts(), port):
			errs = append(errs, field.Invalid(at.Index(i), port, "is DNS's or the proxy's own: leave it out"))
		case slices.Index(s.OpaquePorts, port) < i:
			errs = append(errs, field.Duplicate(at.Index(i), port))
		}
	}
	return errs
}
