package envoy

import (
	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	dynamicv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/dynamic_modules/v3"
	modulev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/dynamic_modules/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/types/known/structpb"
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
	return []*listenerv3.Filter{b.connected(d, kindTCP), module, b.tcpFilter(d, kindTCP, cluster, b.readLog(d))}
}

// What the module describes of a connection, for its access log.
const (
	described        = "data_space"
	describedCarries = "carries"
	describedName    = "sni"
)

// readLog is the access log of a connection that the module reads. One that has carried HTTP, and nothing that is unread, has no line: those
// of its requests are all.
func (b *builder) readLog(d direction) []*accesslogv3.AccessLog {
	tls := logFields()
	tls["sni"] = structpb.NewStringValue("%DYNAMIC_METADATA(" + described + ":" + describedName + ")%")
	return []*accesslogv3.AccessLog{
		b.whole(d, kindTCP, carries(kindTCP, true)),
		b.wholeOf(d, kindTLS, tls, carries(kindTLS, false)),
	}
}

// carries matches connections of a kind. With unknown it matches connections whose kind is not known, too.
func carries(kind string, unknown bool) *accesslogv3.AccessLogFilter {
	return &accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_MetadataFilter{MetadataFilter: &accesslogv3.MetadataFilter{
		Matcher: &matcherv3.MetadataMatcher{
			Filter: described,
			Path:   []*matcherv3.MetadataMatcher_PathSegment{{Segment: &matcherv3.MetadataMatcher_PathSegment_Key{Key: describedCarries}}},
			Value: &matcherv3.ValueMatcher{MatchPattern: &matcherv3.ValueMatcher_StringMatch{StringMatch: &matcherv3.StringMatcher{
				MatchPattern: &matcherv3.StringMatcher_Exact{Exact: kind},
			}}},
		},
		MatchIfKeyNotFound: wrapperspb.Bool(unknown),
	}}}
}
