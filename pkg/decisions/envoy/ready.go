package envoy

import (
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"

	"data-space.liqo.io/pkg/values/apis"
)

// readiness answers the kubelet's probes of the proxy, unlogged and however many connections the other listeners have. It is
// open to everyone who can reach the pod, so it tells nothing but that the proxy runs.
func (b *builder) readiness() *listenerv3.Listener {
	l := b.listener("readiness", ingress)
	b.onEveryAddress(l, apis.PortReady)
	m := &hcmv3.HttpConnectionManager{
		StatPrefix:                 "readiness",
		ServerHeaderTransformation: hcmv3.HttpConnectionManager_PASS_THROUGH,
		GenerateRequestId:          no(),
		CommonHttpProtocolOptions: &corev3.HttpProtocolOptions{
			IdleTimeout:              duration(connectLimit),
			MaxRequestsPerConnection: u32(1),
		},
		RequestHeadersTimeout: duration(connectLimit),
		HttpFilters:           []*hcmv3.HttpFilter{b.reaper(), b.router()},
		RouteSpecifier: &hcmv3.HttpConnectionManager_RouteConfig{RouteConfig: &routev3.RouteConfiguration{
			Name:         "readiness",
			VirtualHosts: []*routev3.VirtualHost{virtualHost("readiness", []string{"*"}, answer(apis.ProxyReadyPath, 200))},
		}},
	}
	l.FilterChains = []*listenerv3.FilterChain{{Filters: []*listenerv3.Filter{b.httpFilter(m)}}}
	return l
}
