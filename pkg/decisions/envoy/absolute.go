package envoy

import (
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	mutationv3 "github.com/envoyproxy/go-control-plane/envoy/config/common/mutation_rules/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	earlyv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/http/early_header_mutation/header_mutation/v3"
	"google.golang.org/protobuf/types/known/anypb"
)

// A client sends a request for a forward proxy (Squid and its like) in absolute form: GET http://name/path. Envoy's parser takes
// that apart, and nothing that a route can match shows it afterwards. What shows it is the header Proxy-Connection, which only
// clients of proxies send, and the port on which forward proxies usually listen. Such requests go on in absolute form, to where
// their connection was going, as all others.
const (
	// portForwardProxy is Squid's port (IANA has none).
	portForwardProxy uint16 = 3128
	// headerProxied has the value of Proxy-Connection between noteProxied and the route.
	headerProxied = "x-data-space-proxy-connection"
)

// absolute is the name of the cluster that is as the named one, but sends requests in absolute form.
func absolute(cluster string) string { return cluster + "_absolute" }

// absoluteForm is c for requests in absolute form.
func (b *builder) absoluteForm(c *clusterv3.Cluster) *clusterv3.Cluster {
	c.Name = absolute(c.GetName())
	options := b.sameProtocol()
	options.GetUseDownstreamProtocolConfig().HttpProtocolOptions.SendFullyQualifiedUrl = true
	c.TypedExtensionProtocolOptions = map[string]*anypb.Any{"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": b.any(options)}
	return c
}

// noteProxied copies Proxy-Connection, which Envoy removes before it chooses a route.
func (b *builder) noteProxied() *corev3.TypedExtensionConfig {
	return b.extension("envoy.http.early_header_mutation.header_mutation", &earlyv3.HeaderMutation{
		Mutations: []*mutationv3.HeaderMutation{
			{Action: &mutationv3.HeaderMutation_Remove{Remove: headerProxied}},
			{Action: &mutationv3.HeaderMutation_Append{Append: &corev3.HeaderValueOption{
				Header:       &corev3.HeaderValue{Key: headerProxied, Value: "%REQ(PROXY-CONNECTION)%"},
				AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
			}}},
		},
	})
}

// proxiedRoute sends the requests that noteProxied has marked to cluster.
func proxiedRoute(cluster string) *routev3.Route {
	match := anyPath()
	match.Headers = []*routev3.HeaderMatcher{{Name: headerProxied, HeaderMatchSpecifier: &routev3.HeaderMatcher_PresentMatch{PresentMatch: true}}}
	return &routev3.Route{
		Match: match, Action: toCluster(cluster, nil),
		// For the proxy of another guest's pod, which has to know as well.
		RequestHeadersToAdd: []*corev3.HeaderValueOption{{
			Header:       &corev3.HeaderValue{Key: "proxy-connection", Value: "%REQ(" + headerProxied + ")%"},
			AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
		}},
	}
}

// forwardProxyChains are inspectedChains for connections to portForwardProxy, where nothing but HTTP/1 and TLS is looked for.
func (b *builder) forwardProxyChains(d direction, cluster string) []*listenerv3.FilterChain {
	var chains []*listenerv3.FilterChain
	for _, chain := range b.inspectedChains(d, cluster) {
		switch chain.GetName() {
		case string(d) + "_http":
			chain.Filters = []*listenerv3.Filter{b.httpFilter(b.transparentHTTP1(d, absolute(cluster)))}
		case string(d) + "_http2":
			continue
		}
		chain.Name += "_forward_proxy"
		chain.FilterChainMatch.DestinationPort = u32(uint32(portForwardProxy))
		chains = append(chains, chain)
	}
	return chains
}
