package envoy

import (
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	dynamicv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/dynamic_modules/v3"
	modulev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/dynamic_modules/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// With Settings.Reader, all connections pass as bytes, and the module reads along (build/envoy/follower, docs/adr/0039): nothing
// waits for first bytes, and there is no chain for what they show.

// uninspectedChains are the ways of the connections that their port alone decides.
func (b *builder) uninspectedChains(d direction, cluster string) []*listenerv3.FilterChain {
	return append(b.closedChains(d), b.opaqueChains(d, cluster)...)
}

// readFilters pass a connection's bytes on to cluster, once it is written that it began, while the module reads along.
func (b *builder) readFilters(d direction, cluster string) []*listenerv3.Filter {
	module := &listenerv3.Filter{
		Name: "envoy.filters.network.dynamic_modules",
		ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: b.any(&modulev3.DynamicModuleNetworkFilter{
			FilterName: "follower", FilterConfig: b.any(wrapperspb.String(string(d))),
			DynamicModuleConfig: &dynamicv3.DynamicModuleConfig{
				DoNotClose: true, // Go's runtime cannot be unloaded
				Module: &corev3.AsyncDataSource{Specifier: &corev3.AsyncDataSource_Local{Local: &corev3.DataSource{
					Specifier: &corev3.DataSource_Filename{Filename: b.settings.Reader},
				}}},
			},
		})},
	}
	return []*listenerv3.Filter{b.connected(d, kindTCP), module, b.tcpFilter(d, kindTCP, cluster)}
}
