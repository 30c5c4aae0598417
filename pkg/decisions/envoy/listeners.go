package envoy

import (
	"net/netip"
	"slices"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	httpinspectorv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/listener/http_inspector/v3"
	originaldstv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/listener/original_dst/v3"
	tlsinspectorv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/listener/tls_inspector/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/types/known/anypb"

	"data-space.liqo.io/pkg/values/apis"
)

// direction is what an access log line calls the way a connection goes, seen from the pod.
type direction string

const (
	egress  direction = "egress"
	ingress direction = "ingress"
)

// The listeners that applications and callers can fill.
const (
	listenerEgress  = "egress_tcp"
	listenerIngress = "ingress_tcp"
	listenerForward = "egress_http_proxy"
)

// egress takes every outgoing TCP connection of the pod, redirected here, and sends it on to where it was going.
func (b *builder) egress() *listenerv3.Listener {
	l := b.transparent(listenerEgress, egress)
	b.onLoopback(l, apis.PortEgressTCP)
	l.FilterChains = slices.Concat(
		b.closedChains(egress), []*listenerv3.FilterChain{b.dnsChain()}, b.opaqueChains(egress, clusterEgress), b.inspectedChains(egress, clusterEgress),
		b.forwardProxyChains(egress, clusterEgress))
	l.DefaultFilterChain = b.otherChain(egress, clusterEgress)
	if b.settings.Reader != "" {
		l.FilterChains = append(b.uninspectedChains(egress, clusterEgress), b.dnsChain())
	}
	return l
}

// ingress takes every incoming TCP connection of the pod and hands it to the pod's own address, from the loopback
// addresses by which the node's rules know that it has passed the proxy.
func (b *builder) ingress() *listenerv3.Listener {
	l := b.transparent(listenerIngress, ingress)
	b.onEveryAddress(l, apis.PortIngressTCP)
	l.FilterChains = slices.Concat(b.closedChains(ingress), b.opaqueChains(ingress, clusterIngress), b.inspectedChains(ingress, clusterIngress),
		b.forwardProxyChains(ingress, clusterIngress))
	l.DefaultFilterChain = b.otherChain(ingress, clusterIngress)
	if b.settings.Reader != "" {
		l.FilterChains = b.uninspectedChains(ingress, clusterIngress)
	}
	return l
}

// transparent is a listener that learns from the kernel where a connection was going before it was redirected, and from
// its first bytes what it speaks. A connection that stays silent is passed on undetected when the time is over.
func (b *builder) transparent(name string, d direction) *listenerv3.Listener {
	l := b.listener(name, d)
	l.ListenerFiltersTimeout = duration(b.settings.ProtocolDetection)
	l.ContinueOnListenerFiltersTimeout = true
	l.ListenerFilters = []*listenerv3.ListenerFilter{
		b.listenerFilter("envoy.filters.listener.original_dst", b.any(&originaldstv3.OriginalDst{})),
		b.uninspected(b.listenerFilter("envoy.filters.listener.tls_inspector", b.any(&tlsinspectorv3.TlsInspector{}))),
		b.uninspected(b.listenerFilter("envoy.filters.listener.http_inspector", b.any(&httpinspectorv3.HttpInspector{}))),
	}
	if b.settings.Reader != "" {
		l.ListenerFilters = l.ListenerFilters[:1]
		b.resets(l)
	}
	return l
}

// listener refuses to share its port: a process with the proxy's uid could otherwise join with SO_REUSEPORT and take
// connections. It binds freely, so that the proxy also starts where an interface has IPv6 turned off.
func (b *builder) listener(name string, d direction) *listenerv3.Listener {
	l := &listenerv3.Listener{
		Name:                          name,
		StatPrefix:                    name,
		EnableReusePort:               no(),
		PerConnectionBufferLimitBytes: u32(bufferLimit),
		TrafficDirection:              corev3.TrafficDirection_OUTBOUND,
	}
	if b.settings.IPv6 {
		l.Freebind = yes()
	}
	if d == ingress {
		l.TrafficDirection = corev3.TrafficDirection_INBOUND
	}
	return l
}

func (b *builder) onLoopback(l *listenerv3.Listener, port uint16) {
	l.Address = socket(corev3.SocketAddress_TCP, loopbackV4(), port)
	if b.settings.IPv6 {
		l.AdditionalAddresses = []*listenerv3.AdditionalAddress{
			{Address: socket(corev3.SocketAddress_TCP, netip.IPv6Loopback(), port)},
		}
	}
}

func (b *builder) onEveryAddress(l *listenerv3.Listener, port uint16) {
	anywhere := netip.IPv4Unspecified()
	if b.settings.IPv6 {
		anywhere = netip.IPv6Unspecified()
	}
	l.Address = socket(corev3.SocketAddress_TCP, anywhere, port)
}

func (b *builder) listenerFilter(name string, config *anypb.Any) *listenerv3.ListenerFilter {
	return &listenerv3.ListenerFilter{Name: name, ConfigType: &listenerv3.ListenerFilter_TypedConfig{TypedConfig: config}}
}

// uninspected spares the connections whose fate their port alone decides the wait for first bytes, and those whose server speaks first.
func (b *builder) uninspected(f *listenerv3.ListenerFilter) *listenerv3.ListenerFilter {
	var rules []*listenerv3.ListenerFilterChainMatchPredicate
	for _, port := range slices.Concat(ownPorts(), []uint16{portDNS}, b.settings.ServerFirstPorts, b.settings.OpaquePorts) {
		rules = append(rules, &listenerv3.ListenerFilterChainMatchPredicate{
			Rule: &listenerv3.ListenerFilterChainMatchPredicate_DestinationPortRange{
				DestinationPortRange: &typev3.Int32Range{Start: int32(port), End: int32(port) + 1},
			},
		})
	}
	f.FilterDisabled = &listenerv3.ListenerFilterChainMatchPredicate{
		Rule: &listenerv3.ListenerFilterChainMatchPredicate_OrMatch{
			OrMatch: &listenerv3.ListenerFilterChainMatchPredicate_MatchSet{Rules: rules},
		},
	}
	return f
}
