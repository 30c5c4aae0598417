package envoy

import (
	"slices"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	routerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	preservecasev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/http/header_formatters/preserve_case/v3"
	"google.golang.org/protobuf/proto"
)

// hostless stands in for the Host of an HTTP/1.0 request that has none: the request goes on as HTTP/1.1, which needs
// one. The name can belong to nobody (RFC 6761).
const hostless = "http-1-0.invalid"

// transparentHTTP1 reads requests and passes them on unchanged. Neither authority nor header nor CONNECT chooses a
// destination: all routes lead to where the connection was going.
func (b *builder) transparentHTTP1(d direction, cluster string) *hcmv3.HttpConnectionManager {
	m := b.transparentHTTP(d, cluster)
	m.CodecType = hcmv3.HttpConnectionManager_HTTP1
	m.MaxRequestHeadersKb = u32(requestHeadersKiB)
	m.CommonHttpProtocolOptions.MaxHeadersCount = u32(requestHeaders)
	return m
}

// transparentHTTP2 is the same for HTTP/2.
func (b *builder) transparentHTTP2(d direction, cluster string) *hcmv3.HttpConnectionManager {
	m := b.transparentHTTP(d, cluster)
	m.CodecType = hcmv3.HttpConnectionManager_HTTP2
	return m
}

func (b *builder) transparentHTTP(d direction, cluster string) *hcmv3.HttpConnectionManager {
	named := strings.TrimSuffix(cluster, absolute("")) // of the port of forward proxies all requests are in absolute form
	routes := slices.Concat(
		withoutProto(b.connectRoute(cluster, nil)), withoutProto(proxiedRoute(absolute(named))), withoutProto(b.anyRoute(cluster)))
	host := virtualHost("original_destination", []string{"*"}, routes...)
	host.RequestHeadersToRemove = []string{headerProxied}
	m := b.httpManager(d, kindHTTP, host)
	m.UpgradeConfigs = upgrades(append(upgradeTokens(), "CONNECT")...)
	m.EarlyHeaderMutationExtensions = []*corev3.TypedExtensionConfig{b.noteAbsentProto(), b.noteProxied()}
	return m
}

// httpManager is what all HTTP listeners share: both sides see what the other sent as if the proxy were not there, and every
// request is logged.
func (b *builder) httpManager(d direction, kind string, host *routev3.VirtualHost, more ...*routev3.VirtualHost) *hcmv3.HttpConnectionManager {
	return &hcmv3.HttpConnectionManager{
		CodecType:                    hcmv3.HttpConnectionManager_AUTO,
		StatPrefix:                   string(d) + "_" + kind,
		HttpProtocolOptions:          b.http1(),
		Http2ProtocolOptions:         http2(),
		ServerHeaderTransformation:   hcmv3.HttpConnectionManager_PASS_THROUGH,
		UseRemoteAddress:             no(),
		SkipXffAppend:                true,
		GenerateRequestId:            no(),
		PreserveExternalRequestId:    true,
		Proxy_100Continue:            true,
		NormalizePath:                no(),
		MergeSlashes:                 false,
		PathWithEscapedSlashesAction: hcmv3.HttpConnectionManager_KEEP_UNCHANGED,
		StreamIdleTimeout:            duration(idleLimit),
		CommonHttpProtocolOptions:    &corev3.HttpProtocolOptions{IdleTimeout: duration(idleLimit), MaxHeadersCount: u32(headersCount)},
		AccessLog:                    b.requestLog(d, kind),
		AccessLogOptions:             &hcmv3.HttpConnectionManager_HcmAccessLogOptions{AccessLogFlushInterval: duration(logInterval)},
		HttpFilters:                  []*hcmv3.HttpFilter{b.begin(d, kind), b.pair(true), b.router()},
		RouteSpecifier: &hcmv3.HttpConnectionManager_RouteConfig{RouteConfig: &routev3.RouteConfiguration{
			Name:                 string(d) + "_" + kind,
			VirtualHosts:         append([]*routev3.VirtualHost{host}, more...),
			ResponseHeadersToAdd: pairHeader(),
		}},
	}
}

// http1 keeps the spelling of header names, trailers and the reason phrase, and lets pass what Envoy's parser can read.
func (b *builder) http1() *corev3.Http1ProtocolOptions {
	return &corev3.Http1ProtocolOptions{
		AcceptHttp_10:         true,
		DefaultHostForHttp_10: hostless,
		EnableTrailers:        true,
		AllowCustomMethods:    true,
		// The length is taken out of the message, so both ends agree on where it ends (RFC 9112, 6.3).
		AllowChunkedLength:   true,
		IgnoreHttp_11Upgrade: ignoredUpgrades(),
		HeaderKeyFormat: &corev3.Http1ProtocolOptions_HeaderKeyFormat{
			HeaderFormat: &corev3.Http1ProtocolOptions_HeaderKeyFormat_StatefulFormatter{
				StatefulFormatter: b.extension("envoy.http.stateful_header_formatters.preserve_case",
					&preservecasev3.PreserveCaseFormatterConfig{ForwardReasonPhrase: true}),
			},
		},
	}
}

// http2 allows extended CONNECT (RFC 8441), by which HTTP/2 carries websockets. Its windows are what bounds the proxy's memory:
// with Envoy's own (16 MiB a stream) a few readers that wait fill it.
func http2() *corev3.Http2ProtocolOptions {
	return &corev3.Http2ProtocolOptions{
		AllowConnect:                true,
		MaxConcurrentStreams:        u32(streamLimit),
		InitialStreamWindowSize:     u32(bufferLimit),
		InitialConnectionWindowSize: u32(2 * bufferLimit),
	}
}

func (b *builder) router() *hcmv3.HttpFilter {
	return b.httpFilterConfig("envoy.filters.http.router", &routerv3.Router{SuppressEnvoyHeaders: true, DynamicStats: no()})
}

func (b *builder) httpFilterConfig(name string, config proto.Message) *hcmv3.HttpFilter {
	return &hcmv3.HttpFilter{Name: name, ConfigType: &hcmv3.HttpFilter_TypedConfig{TypedConfig: b.any(config)}}
}
