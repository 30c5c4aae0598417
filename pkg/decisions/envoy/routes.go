package envoy

import (
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
)

func virtualHost(name string, domains []string, routes ...*routev3.Route) *routev3.VirtualHost {
	return &routev3.VirtualHost{Name: name, Domains: domains, Routes: routes}
}

// anyRoute sends every request to cluster, for as long as it takes.
func (b *builder) anyRoute(cluster string) *routev3.Route {
	return &routev3.Route{Match: anyPath(), Action: toCluster(cluster, nil)}
}

// connectRoute sends CONNECT to cluster: as a tunnel that ends here when config is set, else as the request it is.
func (b *builder) connectRoute(cluster string, config *routev3.RouteAction_UpgradeConfig_ConnectConfig) *routev3.Route {
	return &routev3.Route{
		Match: &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_ConnectMatcher_{
			ConnectMatcher: &routev3.RouteMatch_ConnectMatcher{},
		}},
		Action: toCluster(cluster, []*routev3.RouteAction_UpgradeConfig{{UpgradeType: "CONNECT", ConnectConfig: config}}),
	}
}

// answer replies to every request at path (every path when it is empty) without passing it on.
func answer(path string, status uint32) *routev3.Route {
	match := anyPath()
	if path != "" {
		match = &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Path{Path: path}}
	}
	return &routev3.Route{
		Match:  match,
		Action: &routev3.Route_DirectResponse{DirectResponse: &routev3.DirectResponseAction{Status: status}},
	}
}

func anyPath() *routev3.RouteMatch {
	return &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/"}}
}

func toCluster(cluster string, upgrades []*routev3.RouteAction_UpgradeConfig) *routev3.Route_Route {
	return &routev3.Route_Route{Route: &routev3.RouteAction{
		ClusterSpecifier: &routev3.RouteAction_Cluster{Cluster: cluster},
		Timeout:          duration(0),
		IdleTimeout:      duration(idleLimit),
		UpgradeConfigs:   upgrades,
	}}
}
