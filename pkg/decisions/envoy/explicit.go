package envoy

import (
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	dfpclusterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/clusters/dynamic_forward_proxy/v3"
	dfpcommonv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/common/dynamic_forward_proxy/v3"
	dfpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/dynamic_forward_proxy/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	caresv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/network/dns_resolver/cares/v3"

	"data-space.liqo.io/pkg/values/apis"
)

// forwardProxy is an ordinary HTTP proxy for applications that are told to use one. It goes where the request says,
// except to the pod itself: neither by address, nor by a name that resolves to
// loopback, nor to a port of a proxy.
func (b *builder) forwardProxy() *listenerv3.Listener {
	l := b.listener(listenerForward, egress)
	b.onLoopback(l, apis.PortEgressHTTP)
	m := b.httpManager(egress, kindHTTPProxy, virtualHost("named_destination", []string{"*"},
		b.connectRoute(clusterForward, &routev3.RouteAction_UpgradeConfig_ConnectConfig{}), b.anyRoute(clusterForward)))
	m.UpgradeConfigs = upgrades("websocket", "CONNECT")
	m.HttpFilters = []*hcmv3.HttpFilter{
		b.begin(egress, kindHTTPProxy), b.refusePod(), b.lookUp(b.forwardNames()), b.refuseTarget(b.within(podItself())),
		b.pair(false), b.router(),
	}
	l.FilterChains = []*listenerv3.FilterChain{{Filters: []*listenerv3.Filter{b.httpFilter(m)}}}
	return l
}

// lookUp finds the addresses of the request's authority and keeps the first for refuseTarget to judge.
func (b *builder) lookUp(names *dfpcommonv3.DnsCacheConfig) *hcmv3.HttpFilter {
	return b.httpFilterConfig("envoy.filters.http.dynamic_forward_proxy", &dfpv3.FilterConfig{
		ImplementationSpecifier: &dfpv3.FilterConfig_DnsCacheConfig{DnsCacheConfig: names},
		SaveUpstreamAddress:     true,
	})
}

// forwardNames are looked up in the cluster's DNS.
func (b *builder) forwardNames() *dfpcommonv3.DnsCacheConfig {
	return b.names("named_destinations")
}

func (b *builder) names(cache string) *dfpcommonv3.DnsCacheConfig {
	family := clusterv3.Cluster_V4_ONLY
	if b.settings.IPv6 {
		family = clusterv3.Cluster_ALL
	}
	var resolvers []*corev3.Address
	for _, addr := range b.settings.ClusterDNS {
		resolvers = append(resolvers, socket(corev3.SocketAddress_UDP, addr, portDNS))
	}
	return &dfpcommonv3.DnsCacheConfig{
		Name:                   cache,
		DnsLookupFamily:        family,
		TypedDnsResolverConfig: b.extension("envoy.network.dns_resolver.cares", &caresv3.CaresDnsResolverConfig{Resolvers: resolvers}),
	}
}

func (b *builder) forwardCluster() *clusterv3.Cluster {
	return b.namedCluster(clusterForward, b.forwardNames())
}

func (b *builder) namedCluster(name string, names *dfpcommonv3.DnsCacheConfig) *clusterv3.Cluster {
	c := b.cluster(name)
	c.LbPolicy = clusterv3.Cluster_CLUSTER_PROVIDED
	c.ClusterDiscoveryType = &clusterv3.Cluster_ClusterType{ClusterType: &clusterv3.Cluster_CustomClusterType{
		Name: "envoy.clusters.dynamic_forward_proxy",
		TypedConfig: b.any(&dfpclusterv3.ClusterConfig{
			ClusterImplementationSpecifier: &dfpclusterv3.ClusterConfig_DnsCacheConfig{DnsCacheConfig: names},
			AllowInsecureClusterOptions:    true, // it speaks no TLS itself
		}),
	}}
	return c
}
