package envoy

import (
	"encoding/binary"

	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	dynamicv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/dynamic_modules/v3"
	acceptv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/listener/dynamic_modules/v3"
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
	p := tcpProxy(d, kindTCP, cluster, b.readLog(d))
	p.MaxEarlyDataBytes = u32(bufferLimit) // the module reads what is asked of a destination that cannot be reached, too
	return []*listenerv3.Filter{b.connected(d, kindTCP), b.moduleFilter(string(d)), b.tcpFilter(p)}
}

// moduleFilter is the module's place before tcp_proxy. It reads along where reads is a direction.
func (b *builder) moduleFilter(reads string) *listenerv3.Filter {
	return &listenerv3.Filter{
		Name: "envoy.filters.network.dynamic_modules",
		ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: b.any(&modulev3.DynamicModuleNetworkFilter{
			FilterName: "follower", FilterConfig: b.any(wrapperspb.String(reads)), DynamicModuleConfig: b.module(),
		})},
	}
}

func (b *builder) module() *dynamicv3.DynamicModuleConfig {
	return &dynamicv3.DynamicModuleConfig{
		DoNotClose: true, // Go's runtime cannot be unloaded
		Module: &corev3.AsyncDataSource{Specifier: &corev3.AsyncDataSource_Local{Local: &corev3.DataSource{
			Specifier: &corev3.DataSource_Filename{Filename: b.settings.Reader},
		}}},
	}
}

// resets has the connections of a listener reset where Envoy closes them, until the module takes that off because the destination has been
// reached. A client sees then what it would see without a proxy: a reset where the destination refuses.
func (b *builder) resets(l *listenerv3.Listener) {
	l.ListenerFilters = append(l.ListenerFilters, b.listenerFilter("envoy.filters.listener.dynamic_modules", b.any(&acceptv3.DynamicModuleListenerFilter{
		FilterName: "follower", DynamicModuleConfig: b.module(),
	})))
	on := make([]byte, 8) // struct linger: on, for no time
	binary.NativeEndian.PutUint32(on, 1)
	l.SocketOptions = append(l.SocketOptions, &corev3.SocketOption{
		Description: "resets", Level: solSocket, Name: soLinger, Value: &corev3.SocketOption_BufValue{BufValue: on}, State: corev3.SocketOption_STATE_PREBIND,
	})
}

// Linux's SOL_SOCKET and SO_LINGER, on amd64 and arm64.
const (
	solSocket = 1
	soLinger  = 13
)

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
