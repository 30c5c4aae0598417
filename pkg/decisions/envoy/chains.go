package envoy

import (
	"fmt"
	"slices"

	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	tcpproxyv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/tcp_proxy/v3"
)

// inspectedChains are the ways of the connections whose protocol is known: plain HTTP and TLS. Like otherChain, they end
// at the connection's original destination.
func (b *builder) inspectedChains(d direction, cluster string) []*listenerv3.FilterChain {
	return []*listenerv3.FilterChain{
		{
			Name: string(d) + "_http",
			FilterChainMatch: &listenerv3.FilterChainMatch{
				// TLS may announce the same protocols by ALPN; those bytes are not HTTP that anyone here can read.
				TransportProtocol:    "raw_buffer",
				ApplicationProtocols: []string{"http/1.0", "http/1.1"},
			},
			Filters: []*listenerv3.Filter{b.httpFilter(b.transparentHTTP1(d, cluster))},
		},
		{
			Name:             string(d) + "_http2",
			FilterChainMatch: &listenerv3.FilterChainMatch{TransportProtocol: "raw_buffer", ApplicationProtocols: []string{"h2c"}},
			Filters:          []*listenerv3.Filter{b.httpFilter(b.transparentHTTP2(d, cluster))},
		},
		{
			Name:             string(d) + "_tls",
			FilterChainMatch: &listenerv3.FilterChainMatch{TransportProtocol: "tls"},
			Filters:          b.tcpFilters(d, kindTLS, cluster),
		},
	}
}

// otherChain takes what matches nothing else. It must be the listener's default: a chain that asks for less than another
// is not tried after it (Envoy takes the most specific transport protocol, and does not come back).
func (b *builder) otherChain(d direction, cluster string) *listenerv3.FilterChain {
	filters := b.tcpFilters(d, kindTCP, cluster)
	if b.settings.Reader != "" {
		filters = b.readFilters(d, cluster)
	}
	return &listenerv3.FilterChain{Name: string(d) + "_tcp", Filters: filters}
}

// closedChains end every connection whose original destination is the proxy itself, here or in another pod: a direct
// hit on a listener, or a loop.
func (b *builder) closedChains(d direction) []*listenerv3.FilterChain {
	var chains []*listenerv3.FilterChain
	for _, port := range ownPorts() {
		name := fmt.Sprintf("%s_closed_%d", d, port)
		chains = append(chains, portChain(name, port, b.tcpFilters(d, kindClosed, clusterClosed)))
	}
	return chains
}

// dnsChain answers DNS over TCP from the cluster's DNS, never from the server that the application named.
func (b *builder) dnsChain() *listenerv3.FilterChain {
	return portChain("egress_dns", portDNS, b.tcpFilters(egress, kindDNS, clusterDNS))
}

func portChain(name string, port uint16, filters []*listenerv3.Filter) *listenerv3.FilterChain {
	return &listenerv3.FilterChain{
		Name:             name,
		FilterChainMatch: &listenerv3.FilterChainMatch{DestinationPort: u32(uint32(port))},
		Filters:          filters,
	}
}

// tcpFilters pass a connection's bytes on to cluster, once it is written that it began.
func (b *builder) tcpFilters(d direction, kind string, cluster string) []*listenerv3.Filter {
	filters := []*listenerv3.Filter{b.connected(d, kind), b.tcpFilter(tcpProxy(d, kind, cluster, b.connectionLog(d, kind)))}
	if b.settings.Reader == "" || kind == kindClosed {
		return filters
	}
	return slices.Insert(filters, 1, b.moduleFilter(""))
}

func tcpProxy(d direction, kind string, cluster string, log []*accesslogv3.AccessLog) *tcpproxyv3.TcpProxy {
	return &tcpproxyv3.TcpProxy{
		StatPrefix:       string(d) + "_" + kind,
		ClusterSpecifier: &tcpproxyv3.TcpProxy_Cluster{Cluster: cluster},
		IdleTimeout:      duration(idleLimit),
		AccessLog:        log,
		AccessLogOptions: &tcpproxyv3.TcpProxy_TcpAccessLogOptions{AccessLogFlushInterval: duration(logInterval)},
	}
}

func (b *builder) tcpFilter(p *tcpproxyv3.TcpProxy) *listenerv3.Filter {
	return &listenerv3.Filter{
		Name:       "envoy.filters.network.tcp_proxy",
		ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: b.any(p)},
	}
}

func (b *builder) httpFilter(manager *hcmv3.HttpConnectionManager) *listenerv3.Filter {
	return &listenerv3.Filter{
		Name:       "envoy.filters.network.http_connection_manager",
		ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: b.any(manager)},
	}
}
