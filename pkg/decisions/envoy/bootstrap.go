package envoy

import (
	"fmt"
	"time"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	metricsv3 "github.com/envoyproxy/go-control-plane/envoy/config/metrics/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"
	"sigs.k8s.io/yaml"

	"data-space.liqo.io/pkg/values/apis"
)

// Bootstrap returns the complete configuration file of the proxy, as YAML; the same settings give the same bytes.
// An error holds every problem of the settings (a field.ErrorList made an aggregate), or names a defect of this package.
func Bootstrap(s Settings) ([]byte, error) {
	if errs := s.Validate(nil); len(errs) > 0 {
		return nil, fmt.Errorf("settings of the proxy: %w", errs.ToAggregate())
	}
	b := &builder{settings: s}
	message := b.bootstrap()
	if b.err != nil {
		return nil, fmt.Errorf("build the proxy's configuration: %w", b.err)
	}
	// Envoy applies the same generated rules when it loads the file; here they name the field without an Envoy.
	if err := message.ValidateAll(); err != nil {
		return nil, fmt.Errorf("check the proxy's configuration: %w", err)
	}
	asJSON, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(message)
	if err != nil {
		return nil, fmt.Errorf("encode the proxy's configuration: %w", err)
	}
	return yaml.JSONToYAML(asJSON)
}

func (b *builder) bootstrap() *bootstrapv3.Bootstrap {
	return &bootstrapv3.Bootstrap{
		Node: b.node(),
		// By headers of this prefix Envoy takes orders (time-outs, retries, names of statistics). Applications that know
		// the usual one, x-envoy, give none here, and what they send with it passes unchanged.
		HeaderPrefix:    "x-data-space-proxy",
		Admin:           admin(),
		StatsConfig:     fewStats(),
		LayeredRuntime:  b.limits(),
		OverloadManager: b.overload(),
		MemoryAllocatorManager: &bootstrapv3.MemoryAllocatorManager{
			BytesToRelease: releasedBytes, MemoryReleaseInterval: duration(time.Second), MaxUnfreedMemoryBytes: releasedBytes,
		},
		StaticResources: &bootstrapv3.Bootstrap_StaticResources{
			Listeners: []*listenerv3.Listener{
				b.egress(), b.ingress(), b.forwardProxy(), b.dns(), b.readiness(),
			},
			Clusters: []*clusterv3.Cluster{
				b.egressCluster(), b.ingressCluster(), b.absoluteForm(b.egressCluster()), b.absoluteForm(b.ingressCluster()), b.forwardCluster(), b.dnsCluster(), closedCluster(),
			},
		},
	}
}

// node names the proxy in its own logs and in what its admin endpoint tells.
func (b *builder) node() *corev3.Node {
	return &corev3.Node{
		Id:      b.settings.Namespace,
		Cluster: b.settings.GuestID,
		Metadata: &structpb.Struct{Fields: map[string]*structpb.Value{
			"guest":     structpb.NewStringValue(b.settings.GuestID),
			"namespace": structpb.NewStringValue(b.settings.Namespace),
		}},
	}
}

// admin listens where only the proxy's own container can reach it, and answers only what reads the proxy:
// nothing there ends the proxy or changes what it does with traffic.
func admin() *bootstrapv3.Admin {
	var allowed []*matcherv3.StringMatcher
	for _, path := range []string{"/ready", "/server_info", "/stats", "/clusters", "/listeners", "/config_dump", "/memory"} {
		allowed = append(allowed, &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Prefix{Prefix: path}})
	}
	return &bootstrapv3.Admin{
		Address: &corev3.Address{Address: &corev3.Address_Pipe{
			Pipe: &corev3.Pipe{Path: apis.ProxyAdminSocket, Mode: 0o600},
		}},
		AllowPaths: allowed,
	}
}

// fewStats keeps the statistics of the proxy as a whole and of its listeners. Those that count each request or the bytes of each connection
// have no reader, and each costs CPU.
func fewStats() *metricsv3.StatsConfig {
	var kept []*matcherv3.StringMatcher
	for _, prefix := range []string{"server.", "overload.", "listener.", "listener_manager.", "cluster_manager."} {
		kept = append(kept, &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Prefix{Prefix: prefix}})
	}
	return &metricsv3.StatsConfig{StatsMatcher: &metricsv3.StatsMatcher{
		StatsMatcher: &metricsv3.StatsMatcher_InclusionList{InclusionList: &matcherv3.ListStringMatcher{Patterns: kept}},
	}}
}

// limits bounds each listener that applications and callers can fill, below the bound on the whole. What probes and the admin socket need is not
// bounded: Envoy can exempt a listener from a bound on the whole, but (as of 1.40) every connection that such a listener
// closes then counts as one of the others closed, and the bound is soon none.
func (b *builder) limits() *bootstrapv3.LayeredRuntime {
	fields := map[string]*structpb.Value{
		// A target with a fragment is passed on without it; by default Envoy answers 400.
		"envoy.reloadable_features.http_reject_path_with_fragment": structpb.NewBoolValue(false),
		// QUERY is the one method that Envoy refuses by name (draft-ietf-httpbis-safe-method-w-body).
		"envoy.reloadable_features.http1_allow_query_method": structpb.NewBoolValue(true),
		// By default 100; ignoredUpgrades needs more.
		"re2.max_program_size.error_level": structpb.NewNumberValue(regexLimit),
	}
	for _, listener := range []string{listenerEgress, listenerForward, listenerIngress} {
		key := "envoy.resource_limits.listener." + listener + ".connection_limit"
		fields[key] = structpb.NewNumberValue(float64(b.settings.MaxConnections))
	}
	return &bootstrapv3.LayeredRuntime{Layers: []*bootstrapv3.RuntimeLayer{{
		Name:           "limits",
		LayerSpecifier: &bootstrapv3.RuntimeLayer_StaticLayer{StaticLayer: &structpb.Struct{Fields: fields}},
	}}}
}
