package envoy

import (
	"net/netip"
	"time"

	xdscorev3 "github.com/cncf/xds/go/xds/core/v3"
	matcherv3 "github.com/cncf/xds/go/xds/type/matcher/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	udpproxyv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/udp/udp_proxy/v3"
	"google.golang.org/protobuf/proto"

	"data-space.liqo.io/pkg/values/apis"
)

// dnsIdle is how long an exchange over UDP waits for its next datagram: as long as resolvers wait for an answer.
const dnsIdle = 5 * time.Second

// dnsLimit is how many exchanges with the cluster's DNS are open at one time, over UDP and TCP. What exceeds it is dropped. It is
// more than the resolver answers one pod in the time of dnsIdle with its default limit: 2,000 at once and 200 a second.
const dnsLimit = 4096

// dns takes every UDP datagram that the pod sends to port 53, redirected here, and has the cluster's DNS answer it.
// Each datagram chooses among the cluster's addresses anew, so that a repeated query does not meet the same dead one.
func (b *builder) dns() *listenerv3.Listener {
	l := b.listener("egress_dns", egress)
	l.Address = socket(corev3.SocketAddress_UDP, loopbackV4(), apis.PortDNS)
	if b.settings.IPv6 {
		l.AdditionalAddresses = []*listenerv3.AdditionalAddress{
			{Address: socket(corev3.SocketAddress_UDP, netip.IPv6Loopback(), apis.PortDNS)},
		}
	}
	// Envoy refuses a UDP port of its own under more than one worker. Whoever could join here gets the queries of its own pod.
	l.EnableReusePort = yes()
	l.UdpListenerConfig = &listenerv3.UdpListenerConfig{DownstreamSocketConfig: datagrams()}
	l.ListenerFilters = []*listenerv3.ListenerFilter{b.listenerFilter("envoy.filters.udp_listener.udp_proxy", b.any(b.udpProxy()))}
	return l
}

func (b *builder) udpProxy() *udpproxyv3.UdpProxyConfig {
	return &udpproxyv3.UdpProxyConfig{
		StatPrefix:                "egress_dns",
		RouteSpecifier:            &udpproxyv3.UdpProxyConfig_Matcher{Matcher: b.always(&udpproxyv3.Route{Cluster: clusterDNS})},
		IdleTimeout:               duration(dnsIdle),
		UpstreamSocketConfig:      datagrams(),
		UsePerPacketLoadBalancing: true,
		AccessLog:                 b.connectionLog(egress, kindDNS),
	}
}

// always is the matcher that takes the same action whatever it is shown.
func (b *builder) always(action proto.Message) *matcherv3.Matcher {
	return &matcherv3.Matcher{OnNoMatch: &matcherv3.Matcher_OnMatch{OnMatch: &matcherv3.Matcher_OnMatch_Action{
		Action: &xdscorev3.TypedExtensionConfig{Name: "always", TypedConfig: b.any(action)},
	}}}
}

func datagrams() *corev3.UdpSocketConfig {
	return &corev3.UdpSocketConfig{MaxRxDatagramSize: u64(datagramLimit)}
}
