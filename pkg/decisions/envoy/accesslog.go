package envoy

import (
	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
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

// accessLog writes one JSON object per line to stdout. Every line of every kind has the same fields; what does not
// apply is null. "event" tells the lines of one connection or request apart: TCP is logged when it begins (TcpConnectionStart), all
// every logInterval while it stays open, and when it ends, which is the line that says it all. What an HTTP request is when it
// begins, begin says.
func (b *builder) accessLog(d direction, kind string) *accesslogv3.AccessLog {
	fields := b.logFields()
	fields["direction"] = structpb.NewStringValue(string(d))
	fields["kind"] = structpb.NewStringValue(kind)
	return &accesslogv3.AccessLog{
		Name: "envoy.access_loggers.stdout",
		ConfigType: &accesslogv3.AccessLog_TypedConfig{TypedConfig: b.any(&streamv3.StdoutAccessLog{
			AccessLogFormat: &streamv3.StdoutAccessLog_LogFormat{LogFormat: &corev3.SubstitutionFormatString{
				Format: &corev3.SubstitutionFormatString_JsonFormat{JsonFormat: &structpb.Struct{Fields: fields}},
			}},
		})},
	}
}

// logFields are the fields that every listener fills in the same way. Guest and namespace come from the settings, not
// from the pod, so that nothing in the pod can change them; the pod's name comes from the proxy container's own
// environment variable POD_NAME ("-" without it).
func (b *builder) logFields() map[string]*structpb.Value {
	fields := map[string]*structpb.Value{}
	for name, format := range map[string]string{
		"event":                          "%ACCESS_LOG_TYPE%",
		"start_time":                     "%START_TIME%",
		"guest":                          b.settings.GuestID,
		"namespace":                      b.settings.Namespace,
		"pod":                            "%ENVIRONMENT(POD_NAME)%",
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
