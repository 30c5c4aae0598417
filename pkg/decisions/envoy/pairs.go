package envoy

import (
	"fmt"

	xdscorev3 "github.com/cncf/xds/go/xds/core/v3"
	xdsmatcherv3 "github.com/cncf/xds/go/xds/type/matcher/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	matchingv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/common/matching/v3"
	actionv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/common/matcher/action/v3"
	luav3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/lua/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/proto"

	"data-space.liqo.io/pkg/values/apis"
)

// An HTTP connection of a client and its connection to the server are a pair: the server's ends with the client's, and a server that
// cannot be reached, or that closes without an answer, resets the client's. Envoy (as of 1.40) has no setting for either: it keeps the
// server's connection until idleLimit is over, and answers 503 itself. The scripts act on the sockets of the proxy's own process
// (LuaJIT's foreign functions).
//
//  1. The proxy has one worker (--concurrency 1, package inject): no other thread closes a connection, so a descriptor stays what a script
//     has found it to be until the script acts on it.
//  2. Envoy is built with LuaJIT, for a Linux whose numbers of socket options are those of amd64 and arm64. Without the module ffi Envoy
//     refuses its configuration and exits: the pod does not start.
//  3. Lookups fail to no action: a connection that is not found keeps Envoy's own behaviour.

// headerPair is set on each response that passes the router: how long the server's connection has stood, in milliseconds, its two addresses,
// and for what reasons the proxy answers in the server's place. HTTP lets no proxy pass this header on, and Envoy removes it.
const headerPair = "proxy-connection"

// pairedLong matches the header of a response of the server itself on a connection that has stood for a second: it is paired.
const pairedLong = `[0-9]{4,} .* -`

// reapSeconds is the shortest time between two looks at all sockets of the proxy.
const reapSeconds = 0.2

func (b *builder) pairScript(source string) *hcmv3.HttpFilter {
	ports := fmt.Sprintf("[%d] = true, [%d] = true, [%d] = true", apis.PortEgressTCP, apis.PortEgressHTTP, apis.PortIngressTCP)
	return b.httpFilterConfig("envoy.filters.http.lua", &luav3.Lua{DefaultSourceCode: &corev3.DataSource{
		Specifier: &corev3.DataSource_InlineString{InlineString: fmt.Sprintf(pairSource, ports, reapSeconds, b.mostSockets()) + source},
	}})
}

// mostSockets is how many descriptors of sockets the proxy has at most: a client's and a server's for each connection, and those for names.
func (b *builder) mostSockets() int64 {
	return 2*(3*int64(b.settings.MaxConnections)+spareConnections) + dnsLimit + spareConnections
}

// pair is the filter next to the router, so that it sees responses first. resets says what becomes of a client whose server
// refuses, resets or closes, has no address, or for whom the proxy has no room: a reset, or the proxy's own 503.
func (b *builder) pair(resets bool) *hcmv3.HttpFilter {
	return b.unless(pairedLong, b.pairScript(fmt.Sprintf(pairFilterSource, headerPair, resets)))
}

// unless skips the filter for responses whose headerPair matches: a script costs some 8 microseconds a response, this a tenth.
func (b *builder) unless(expression string, f *hcmv3.HttpFilter) *hcmv3.HttpFilter {
	regex := &xdsmatcherv3.StringMatcher{MatchPattern: &xdsmatcherv3.StringMatcher_SafeRegex{SafeRegex: &xdsmatcherv3.RegexMatcher{
		EngineType: &xdsmatcherv3.RegexMatcher_GoogleRe2{GoogleRe2: &xdsmatcherv3.RegexMatcher_GoogleRE2{}}, Regex: expression,
	}}}
	skip := &xdsmatcherv3.Matcher_MatcherList_FieldMatcher{
		Predicate: &xdsmatcherv3.Matcher_MatcherList_Predicate{MatchType: &xdsmatcherv3.Matcher_MatcherList_Predicate_SinglePredicate_{
			SinglePredicate: &xdsmatcherv3.Matcher_MatcherList_Predicate_SinglePredicate{
				Input:   b.xdsExtension("pair", &matcherv3.HttpResponseHeaderMatchInput{HeaderName: headerPair}),
				Matcher: &xdsmatcherv3.Matcher_MatcherList_Predicate_SinglePredicate_ValueMatch{ValueMatch: regex},
			},
		}},
		OnMatch: &xdsmatcherv3.Matcher_OnMatch{OnMatch: &xdsmatcherv3.Matcher_OnMatch_Action{
			Action: b.xdsExtension("skip", &actionv3.SkipFilter{}),
		}},
	}
	return b.httpFilterConfig("envoy.filters.http.match_delegate", &matchingv3.ExtensionWithMatcher{
		XdsMatcher: &xdsmatcherv3.Matcher{MatcherType: &xdsmatcherv3.Matcher_MatcherList_{
			MatcherList: &xdsmatcherv3.Matcher_MatcherList{Matchers: []*xdsmatcherv3.Matcher_MatcherList_FieldMatcher{skip}},
		}},
		ExtensionConfig: &corev3.TypedExtensionConfig{Name: f.GetName(), TypedConfig: f.GetTypedConfig()},
	})
}

func (b *builder) xdsExtension(name string, message proto.Message) *xdscorev3.TypedExtensionConfig {
	return &xdscorev3.TypedExtensionConfig{Name: name, TypedConfig: b.any(message)}
}

func (b *builder) reaper() *hcmv3.HttpFilter { return b.pairScript(reaperSource) }

// pairHeader hands to the filter pair what a script cannot ask for.
func pairHeader() []*corev3.HeaderValueOption {
	return []*corev3.HeaderValueOption{{
		Header:       &corev3.HeaderValue{Key: headerPair, Value: "%COMMON_DURATION(US_CX_END:US_TX_BEG:ms)% %UPSTREAM_LOCAL_ADDRESS% %UPSTREAM_REMOTE_ADDRESS% %RESPONSE_FLAGS%"},
		AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
	}}
}
