package envoy

import (
	"net/netip"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	rbacconfigv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	upstreamv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/rbac/matchers/upstream_ip_port/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"

	"data-space.liqo.io/pkg/values/apis"
)

// podItself are the ranges of the addresses by which a pod reaches itself without its own address.
func podItself() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/8"),
		netip.MustParsePrefix("127.0.0.0/8"),
		netip.MustParsePrefix("::/127"),
		netip.MustParsePrefix("::ffff:0.0.0.0/104"),
		netip.MustParsePrefix("::ffff:127.0.0.0/104"),
		netip.PrefixFrom(apis.IngressSourceV4(), 32),
		netip.PrefixFrom(netip.AddrFrom16(apis.IngressSourceV4().As16()), 128),
		netip.PrefixFrom(apis.IngressSourceV6(), 128),
	}
}

// podNames matches the authorities that name the pod itself, with or without port and trailing dot (RFC 6761).
const podNames = `(?i)((.*\.)?localhost\.?|0+(\.[0-9.]*)?|127\.[0-9.]*|\[[0:]*1?\]|\[::ffff:(0+|127)\..*\])(:[0-9]*)?`

// refusePod answers 403 to an authority that says at first sight that it means the pod itself.
func (b *builder) refusePod() *hcmv3.HttpFilter {
	return b.deny("refused_name", map[string][]*rbacconfigv3.Permission{
		"pod itself": {{Rule: &rbacconfigv3.Permission_Header{Header: &routev3.HeaderMatcher{
			Name: ":authority",
			HeaderMatchSpecifier: &routev3.HeaderMatcher_StringMatch{StringMatch: &matcherv3.StringMatcher{
				MatchPattern: &matcherv3.StringMatcher_SafeRegex{SafeRegex: &matcherv3.RegexMatcher{Regex: podNames}},
			}},
		}}}},
	})
}

// refuseTarget answers 403, once the address is known, when its port is one of a proxy's own or DNS (which goes through
// its listener only), or when the address is one of those refused.
func (b *builder) refuseTarget(refused *rbacconfigv3.Permission) *hcmv3.HttpFilter {
	var ports []*rbacconfigv3.Permission
	for _, port := range append(ownPorts(), portDNS) {
		ports = append(ports, b.upstream(&upstreamv3.UpstreamIpPortMatcher{
			UpstreamPortRange: &typev3.Int64Range{Start: int64(port), End: int64(port) + 1},
		}))
	}
	return b.deny("refused_target", map[string][]*rbacconfigv3.Permission{
		"reserved port": ports, "refused address": {refused},
	})
}

// within matches when the address is in any of the prefixes.
func (b *builder) within(prefixes []netip.Prefix) *rbacconfigv3.Permission {
	set := &rbacconfigv3.Permission_Set{}
	for _, prefix := range prefixes {
		set.Rules = append(set.Rules, b.upstream(&upstreamv3.UpstreamIpPortMatcher{
			UpstreamIp: &corev3.CidrRange{
				AddressPrefix: prefix.Addr().String(),
				PrefixLen:     u32(uint32(prefix.Bits())), //nolint:gosec // a valid prefix has 0 to 128 bits
			},
		}))
	}
	return &rbacconfigv3.Permission{Rule: &rbacconfigv3.Permission_OrRules{OrRules: set}}
}

func (b *builder) upstream(m *upstreamv3.UpstreamIpPortMatcher) *rbacconfigv3.Permission {
	return &rbacconfigv3.Permission{Rule: &rbacconfigv3.Permission_Matcher{
		Matcher: b.extension("envoy.rbac.matchers.upstream_ip_port", m),
	}}
}

// deny answers 403 to what any of the rules matches; the rule's name appears in the log's response_code_details.
func (b *builder) deny(name string, rules map[string][]*rbacconfigv3.Permission) *hcmv3.HttpFilter {
	policies := map[string]*rbacconfigv3.Policy{}
	for reason, permissions := range rules {
		policies[reason] = &rbacconfigv3.Policy{
			Permissions: permissions,
			Principals:  []*rbacconfigv3.Principal{{Identifier: &rbacconfigv3.Principal_Any{Any: true}}},
		}
	}
	return b.httpFilterConfig("envoy.filters.http.rbac", &rbacv3.RBAC{
		Rules:           &rbacconfigv3.RBAC{Action: rbacconfigv3.RBAC_DENY, Policies: policies},
		RulesStatPrefix: name,
	})
}
