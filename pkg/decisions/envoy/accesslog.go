package envoy

import (
	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	datav3 "github.com/envoyproxy/go-control-plane/envoy/data/accesslog/v3"
	streamv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/stream/v3"
	"google.golang.org/protobuf/types/known/structpb"
)

// The kinds of an access log line: what the proxy took the connection for.
const (
	kindHTTP      = "http"       // plain HTTP on a transparent listener: one line per request
	kindHTTPProxy = "http-proxy" // a request to an explicit HTTP listener, CONNECT included
	kindTLS       = "tls"        // one line per connection, with the server name that it asked for
	kindTCP       = "tcp"        // one line per connection
	kindDNS       = "dns"        // one line per TCP connection or UDP exchange; names are logged by the resolver
	kindClosed    = "closed"     // its destination was the proxy itself, so it was closed
)

// endLine is the access log's line of a request that a server answered: how it ended. What it was says the line with the same key that
// was written when it began. Nothing in it is chosen by a tenant, so it needs no quotes. Package record reads it.
const endLine = "E " + requestKey + " %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %BYTES_RECEIVED% %BYTES_SENT% %DURATION% " +
	"%REQUEST_HEADERS_BYTES% %UPSTREAM_HOST%\n"

// Runtime says from which status on answers are logged whole, and up to which their end is. The sidecar's arguments set it, since they also
// make the proxy write what begins: a proxy that was injected by an earlier release, and starts again with this configuration, writes no
// such lines, so each of its requests is logged whole.
func Runtime() map[string]int64 {
	const firstError = 400
	return map[string]int64{wholeKey: firstError, shortKey: firstError - 1}
}

const (
	wholeKey = "data_space_proxy.whole_from"
	shortKey = "data_space_proxy.short_to"
)

// connectionLog is the access log of a chain of connections, or of datagrams: a line every logInterval while one stays open, and one when
// it ends, which is the line that says it all.
func (b *builder) connectionLog(d direction, kind string) []*accesslogv3.AccessLog {
	return []*accesslogv3.AccessLog{b.whole(d, kind, nil)}
}

// requestLog is the access log of an HTTP listener. Most requests end as they began, with an answer of the server: they get an endLine.
// The others get a whole line: for some of them the proxy has not got as far as to write that they began (what its codec refuses). So do
// requests that stay open, every logInterval: what was written of their beginning may be out of the record by then.
func (b *builder) requestLog(d direction, kind string) []*accesslogv3.AccessLog {
	open := &accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_LogTypeFilter{LogTypeFilter: &accesslogv3.LogTypeFilter{
		Types: []datav3.AccessLogType{datav3.AccessLogType_DownstreamPeriodic},
	}}}
	ended := &accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_LogTypeFilter{LogTypeFilter: &accesslogv3.LogTypeFilter{
		Types: []datav3.AccessLogType{datav3.AccessLogType_DownstreamPeriodic}, Exclude: true,
	}}}
	short := b.stdout(&corev3.SubstitutionFormatString{Format: &corev3.SubstitutionFormatString_TextFormatSource{
		TextFormatSource: &corev3.DataSource{Specifier: &corev3.DataSource_InlineString{InlineString: endLine}},
	}})
	short.Filter = &accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_AndFilter{AndFilter: &accesslogv3.AndFilter{
		Filters: []*accesslogv3.AccessLogFilter{ended, status(accesslogv3.ComparisonFilter_GE, 1, "data_space_proxy.short_from"), status(accesslogv3.ComparisonFilter_LE, 0, shortKey)},
	}}}
	return []*accesslogv3.AccessLog{short, b.whole(d, kind, &accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_OrFilter{
		OrFilter: &accesslogv3.OrFilter{Filters: []*accesslogv3.AccessLogFilter{
			open, status(accesslogv3.ComparisonFilter_EQ, 0, "data_space_proxy.whole_at"), status(accesslogv3.ComparisonFilter_GE, 1, wholeKey),
		}},
	}})}
}

// status compares an answer's status, which is 0 where there was none, with the runtime's value, or with value where it has none.
func status(op accesslogv3.ComparisonFilter_Op, value uint32, key string) *accesslogv3.AccessLogFilter {
	return &accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_StatusCodeFilter{StatusCodeFilter: &accesslogv3.StatusCodeFilter{
		Comparison: &accesslogv3.ComparisonFilter{Op: op, Value: &corev3.RuntimeUInt32{DefaultValue: value, RuntimeKey: key}},
	}}}
}

// whole writes one JSON object per line. Every line of every kind has the same fields; what does not apply is null. "event" tells the lines
// of one connection or request apart.
func (b *builder) whole(d direction, kind string, filter *accesslogv3.AccessLogFilter) *accesslogv3.AccessLog {
	return b.wholeOf(d, kind, logFields(), filter)
}

func (b *builder) wholeOf(d direction, kind string, fields map[string]*structpb.Value, filter *accesslogv3.AccessLogFilter) *accesslogv3.AccessLog {
	fields["direction"] = structpb.NewStringValue(string(d))
	fields["kind"] = structpb.NewStringValue(kind)
	whole := b.stdout(&corev3.SubstitutionFormatString{
		Format: &corev3.SubstitutionFormatString_JsonFormat{JsonFormat: &structpb.Struct{Fields: fields}},
	})
	whole.Filter = filter
	return whole
}

func (b *builder) stdout(format *corev3.SubstitutionFormatString) *accesslogv3.AccessLog {
	return &accesslogv3.AccessLog{
		Name: "envoy.access_loggers.stdout",
		ConfigType: &accesslogv3.AccessLog_TypedConfig{TypedConfig: b.any(&streamv3.StdoutAccessLog{
			AccessLogFormat: &streamv3.StdoutAccessLog_LogFormat{LogFormat: format},
		})},
	}
}

// logFields are the fields that every listener fills in the same way. Guest, namespace and pod are not among them: the agent has
// them from the container's log folder.
func logFields() map[string]*structpb.Value {
	fields := map[string]*structpb.Value{}
	for name, format := range map[string]string{
		"event":                          "%ACCESS_LOG_TYPE%",
		"key":                            requestKey,
		"start_time":                     "%START_TIME%",
		"method":                         "%REQ(:METHOD):64%",
		"path":                           "%REQ(:PATH):4096%", // what waits to be written is memory of the proxy
		"request_headers_bytes":          "%REQUEST_HEADERS_BYTES%",
		"authority":                      "%REQ(:AUTHORITY):1024%",
		"protocol":                       "%PROTOCOL%",
		"response_code":                  "%RESPONSE_CODE%",
		"response_code_details":          "%RESPONSE_CODE_DETAILS%",
		"response_flags":                 "%RESPONSE_FLAGS%",
		"bytes_received":                 "%BYTES_RECEIVED%",
		"bytes_sent":                     "%BYTES_SENT%",
		"duration_ms":                    "%DURATION%",
		"sni":                            "%REQUESTED_SERVER_NAME%",
		"downstream_remote_address":      "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%", // the other one is a header's to say
		"original_destination":           "%DOWNSTREAM_LOCAL_ADDRESS%",
		"upstream_host":                  "%UPSTREAM_HOST%",
		"connection_termination_details": "%CONNECTION_TERMINATION_DETAILS%",
	} {
		fields[name] = structpb.NewStringValue(format)
	}
	return fields
}
