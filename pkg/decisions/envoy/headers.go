package envoy

import (
	mutationv3 "github.com/envoyproxy/go-control-plane/envoy/config/common/mutation_rules/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	earlyv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/http/early_header_mutation/header_mutation/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/proto"
)

const (
	// requestHeadersKiB bounds the head of a request in HTTP/1. It is above the largest default of common servers (Go's net/http:
	// 1 MiB), so that the server's own limit is the one that clients meet. HTTP/2 keeps Envoy's 60 KiB: there a few bytes on
	// the wire stand for long header lists.
	requestHeadersKiB = 1280
	// requestHeaders bounds the headers of a request in HTTP/1, headersCount those of a request where HTTP/2 is possible, and
	// answerHeaders those of an answer. Each costs some 150 bytes, however short it is, and in HTTP/2 it may be one byte on the wire.
	requestHeaders = 4096
	headersCount   = 128
	answerHeaders  = 256

	headerProto = "x-forwarded-proto"
	// absentProto is the value of headerProto in requests that came without it, until withoutProto removes it.
	absentProto = "data-space-absent"
)

// noteAbsentProto adds headerProto to a request that has none, before Envoy does: Envoy (as of 1.40) adds it to every
// request that has none, and afterwards nothing shows who added it.
func (b *builder) noteAbsentProto() *corev3.TypedExtensionConfig {
	return b.extension("envoy.http.early_header_mutation.header_mutation", &earlyv3.HeaderMutation{
		Mutations: []*mutationv3.HeaderMutation{{Action: &mutationv3.HeaderMutation_Append{Append: &corev3.HeaderValueOption{
			Header:       &corev3.HeaderValue{Key: headerProto, Value: absentProto},
			AppendAction: corev3.HeaderValueOption_ADD_IF_ABSENT,
		}}}},
	})
}

// withoutProto returns the route, and before it the same one for requests to which noteAbsentProto added headerProto, which
// it removes again.
func withoutProto(route *routev3.Route) []*routev3.Route {
	added := proto.CloneOf(route)
	added.Match.Headers = append(added.Match.Headers, &routev3.HeaderMatcher{
		Name: headerProto,
		HeaderMatchSpecifier: &routev3.HeaderMatcher_StringMatch{StringMatch: &matcherv3.StringMatcher{
			MatchPattern: &matcherv3.StringMatcher_Exact{Exact: absentProto},
		}},
	})
	added.RequestHeadersToRemove = append(added.RequestHeadersToRemove, headerProto)
	return []*routev3.Route{added, route}
}
