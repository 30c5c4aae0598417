package envoy

import (
	"math"
	"net/netip"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	httpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	"google.golang.org/protobuf/types/known/anypb"

	"data-space.liqo.io/pkg/values/apis"
)

const (
	clusterEgress  = "egress_original_destination"
	clusterIngress = "ingress_original_destination"
	clusterForward = "egress_named_destination"
	clusterDNS     = "cluster_dns"
	clusterClosed  = "closed"
)

func (b *builder) egressCluster() *clusterv3.Cluster {
	return b.originalDestination(clusterEgress)
}

// ingressCluster connects from addresses of its own: the node's rules tell by them that a connection has already passed
// the proxy, and do not send it there again. It binds freely, because no interface bears the addresses: IPv6 binds to no others otherwise.
func (b *builder) ingressCluster() *clusterv3.Cluster {
	c := b.originalDestination(clusterIngress)
	c.UpstreamBindConfig = &corev3.BindConfig{SourceAddress: source(apis.IngressSourceV4()), Freebind: yes()}
	if b.settings.IPv6 {
		c.UpstreamBindConfig.ExtraSourceAddresses = []*corev3.ExtraSourceAddress{{Address: source(apis.IngressSourceV6())}}
	}
	return c
}

func source(addr netip.Addr) *corev3.SocketAddress {
	return socket(corev3.SocketAddress_TCP, addr, 0).GetSocketAddress()
}

// originalDestination connects to where the downstream connection was going, by the kernel's word alone.
func (b *builder) originalDestination(name string) *clusterv3.Cluster {
	c := b.cluster(name)
	c.ClusterDiscoveryType = &clusterv3.Cluster_Type{Type: clusterv3.Cluster_ORIGINAL_DST}
	c.LbPolicy = clusterv3.Cluster_CLUSTER_PROVIDED
	c.LbConfig = &clusterv3.Cluster_OriginalDstLbConfig_{
		OriginalDstLbConfig: &clusterv3.Cluster_OriginalDstLbConfig{UseHttpHeader: false},
	}
	return c
}

// dnsCluster holds the addresses of the cluster's DNS, for UDP and TCP.
func (b *builder) dnsCluster() *clusterv3.Cluster {
	var endpoints []*endpointv3.LbEndpoint
	for _, addr := range b.settings.ClusterDNS {
		endpoints = append(endpoints, &endpointv3.LbEndpoint{HostIdentifier: &endpointv3.LbEndpoint_Endpoint{
			Endpoint: &endpointv3.Endpoint{Address: socket(corev3.SocketAddress_TCP, addr, portDNS)},
		}})
	}
	c := b.cluster(clusterDNS)
	// Each port from which the pod asks over UDP is a socket and some 4 KiB here, until dnsIdle is over; nothing else bounds them.
	c.CircuitBreakers.Thresholds[0].MaxConnections = u32(dnsLimit)
	c.ClusterDiscoveryType = &clusterv3.Cluster_Type{Type: clusterv3.Cluster_STATIC}
	c.LoadAssignment = &endpointv3.ClusterLoadAssignment{
		ClusterName: clusterDNS,
		Endpoints:   []*endpointv3.LocalityLbEndpoints{{LbEndpoints: endpoints}},
	}
	return c
}

// closedCluster has no member: what is sent there is closed.
func closedCluster() *clusterv3.Cluster {
	return &clusterv3.Cluster{
		Name:                 clusterClosed,
		ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: clusterv3.Cluster_STATIC},
		ConnectTimeout:       duration(time.Second),
		LoadAssignment:       &endpointv3.ClusterLoadAssignment{ClusterName: clusterClosed},
	}
}

// cluster sets no limit of connections of its own: the connections that applications may open are the limit.
func (b *builder) cluster(name string) *clusterv3.Cluster {
	unlimited := u32(math.MaxUint32)
	return &clusterv3.Cluster{
		Name:                          name,
		ConnectTimeout:                duration(connectLimit),
		PerConnectionBufferLimitBytes: u32(bufferLimit),
		// Logins may be bound to connections (NTLM, Negotiate): what one client has logged in to is no other client's.
		ConnectionPoolPerDownstreamConnection: true,
		CircuitBreakers: &clusterv3.CircuitBreakers{Thresholds: []*clusterv3.CircuitBreakers_Thresholds{{
			MaxConnections: unlimited, MaxPendingRequests: unlimited, MaxRequests: u32(b.requestLimit()), MaxRetries: u32(0),
		}}},
		UpstreamConnectionOptions: &clusterv3.UpstreamConnectionOptions{TcpKeepalive: &corev3.TcpKeepalive{}},
		TypedExtensionProtocolOptions: map[string]*anypb.Any{
			"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": b.any(b.sameProtocol()),
		},
	}
}

// sameProtocol speaks to the server the HTTP version that the client chose.
func (b *builder) sameProtocol() *httpv3.HttpProtocolOptions {
	return &httpv3.HttpProtocolOptions{
		CommonHttpProtocolOptions: &corev3.HttpProtocolOptions{IdleTimeout: duration(idleLimit), MaxHeadersCount: u32(answerHeaders)},
		UpstreamProtocolOptions: &httpv3.HttpProtocolOptions_UseDownstreamProtocolConfig{
			UseDownstreamProtocolConfig: &httpv3.HttpProtocolOptions_UseDownstreamHttpConfig{
				HttpProtocolOptions:  b.http1(),
				Http2ProtocolOptions: http2(),
			},
		},
	}
}
