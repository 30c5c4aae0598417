package envoy

import (
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	valuev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/common/set_filter_state/v3"
	statev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/set_filter_state/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	connectionv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/set_filter_state/v3"
)

// The proxy writes a line when a request or a connection begins, and goes on only when the kernel has the line. The access log cannot do
// that: another thread writes it, and what that thread has not written is lost when the proxy is killed. The line is one of Envoy's
// own log, to stderr: the filter set_filter_state logs each value that it sets (logger config, level debug; the sidecar's arguments turn
// it on), and Envoy's log is written by the thread that serves the connection. If the runtime does not read it, the proxy waits. A script in
// Lua could write such a line as well, for 20 µs of CPU more.
//
// Package record reads these lines. The fields of the value are separated by newlines, which no header can hold; the log escapes them, so
// a line is one line. What a tenant chooses comes last.

// LogComponents and LogFormat are the proxy's arguments that make it write those lines, and in which form. The logger forward_proxy adds,
// before the proxy connects, to which address the explicit proxy resolved a name.
const (
	LogComponents = "config:debug,forward_proxy:debug"
	LogFormat     = `{"event":"%n","level":"%l","text":"%j"}`
)

const (
	// beginRequest and beginConnection are the names of the values.
	beginRequest    = "begin"
	beginConnection = "connect"
	// stringObject is the type of the values.
	stringObject = "envoy.string"

	// requestKey tells the requests and connections of a proxy apart: the connection's number and the time in microseconds. A
	// tenant chooses neither. The access log has it as well.
	requestKey = "%CONNECTION_ID%.%START_TIME(%s%6f)%"
)

// begin is the first filter of each HTTP listener.
func (b *builder) begin(d direction, kind string) *hcmv3.HttpFilter {
	return b.httpFilterConfig("envoy.filters.http.set_filter_state", &statev3.Config{OnRequestHeaders: value(beginRequest, []string{
		requestKey, string(d), kind, "%PROTOCOL%", "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%", "%DOWNSTREAM_LOCAL_ADDRESS%",
		"%REQ(:METHOD):64%", "%REQ(:AUTHORITY):1024%", "%REQ(:PATH):4096%",
	})})
}

// connected is the first filter of each chain of connections that are passed on as bytes.
func (b *builder) connected(d direction, kind string) *listenerv3.Filter {
	config := &connectionv3.Config{OnNewConnection: value(beginConnection, []string{
		requestKey, string(d), kind, "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%", "%DOWNSTREAM_LOCAL_ADDRESS%", "%REQUESTED_SERVER_NAME%",
	})}
	return &listenerv3.Filter{
		Name:       "envoy.filters.network.set_filter_state",
		ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: b.any(config)},
	}
}

func value(name string, fields []string) []*valuev3.FilterStateValue {
	return []*valuev3.FilterStateValue{{
		Key:        &valuev3.FilterStateValue_ObjectKey{ObjectKey: name},
		FactoryKey: stringObject,
		Value: &valuev3.FilterStateValue_FormatString{FormatString: &corev3.SubstitutionFormatString{
			Format: &corev3.SubstitutionFormatString_TextFormatSource{TextFormatSource: &corev3.DataSource{
				Specifier: &corev3.DataSource_InlineString{InlineString: strings.Join(fields, "\n")},
			}},
		}},
	}}
}
