package resolver_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	discoveryv1 "k8s.io/api/discovery/v1"

	"data-space.liqo.io/pkg/decisions/resolver"
	"data-space.liqo.io/pkg/values/apis"
)

func addr(text string) netip.Addr { return netip.MustParseAddr(text) }

func TestTheCorefileIsAsItWasReviewed(t *testing.T) {
	for name, settings := range map[string]resolver.Settings{
		"closed": resolver.Settings{}.Default(),
		"listed": {ClusterDomain: "hospital.internal", QueriesPerSecond: 50, Forward: []resolver.Domain{
			{Name: "example.org", Servers: []netip.Addr{addr("198.51.100.53"), addr("2001:db8::53")}},
			{Name: "example.com"},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := resolver.Corefile(settings)
			require.NoError(t, err)
			path := filepath.Join("testdata", name+".corefile")
			if os.Getenv("UPDATE_GOLDEN") != "" {
				require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, string(want), got)
		})
	}
}

func TestTheConfigMapHoldsTheCorefileAndSaysWhoMadeIt(t *testing.T) {
	settings := resolver.Settings{}.Default()
	corefile, err := resolver.Corefile(settings)
	require.NoError(t, err)
	object, err := resolver.ConfigMap(settings)
	require.NoError(t, err)
	require.Equal(t, "data-spacer/data-space-resolver", object.Namespace+"/"+object.Name)
	require.Equal(t, map[string]string{"Corefile": corefile}, object.Data)
	require.Equal(t, apis.ControllerName, object.Labels[apis.LabelManagedBy])
}

func TestNothingIsForwardedUnlessItIsListed(t *testing.T) {
	corefile, err := resolver.Corefile(resolver.Settings{}.Default())
	require.NoError(t, err)
	require.NotContains(t, corefile, "forward")
	require.NotContains(t, corefile, "fallthrough")
}

func TestSettingsThatCannotWorkAreRefusedWithTheWayOut(t *testing.T) {
	list := func(names ...string) []resolver.Domain {
		var domains []resolver.Domain
		for _, name := range names {
			domains = append(domains, resolver.Domain{Name: name})
		}
		return domains
	}
	with := func(servers ...string) []resolver.Domain {
		domain := resolver.Domain{Name: "example.org"}
		for _, server := range servers {
			domain.Servers = append(domain.Servers, addr(server))
		}
		return []resolver.Domain{domain}
	}
	many := make([]string, 16)
	for i := range many {
		many[i] = "192.0.2.1"
	}
	for name, test := range map[string]struct {
		settings resolver.Settings
		want     string
	}{
		"no cluster domain":              {resolver.Settings{}, "clusterDomain: Invalid value"},
		"a line break in the domain":     {resolver.Settings{ClusterDomain: "a\nforward . 192.0.2.1"}, "clusterDomain: Invalid value"},
		"a domain that is none":          {resolver.Settings{Forward: list("*.example.org")}, "forward[0]: Invalid value"},
		"no question at all":             {resolver.Settings{QueriesPerSecond: -1}, "queriesPerSecond: Invalid value"},
		"too many questions":             {resolver.Settings{QueriesPerSecond: 1e6}, "queriesPerSecond: Invalid value"},
		"everything":                     {resolver.Settings{Forward: list(".")}, "forward[0]: Invalid value"},
		"a brace":                        {resolver.Settings{Forward: list("example.org {")}, "forward[0]: Invalid value"},
		"the cluster's own":              {resolver.Settings{Forward: list("cluster.local")}, "overlaps with cluster.local"},
		"below the cluster's own":        {resolver.Settings{Forward: list("svc.cluster.local")}, "overlaps with cluster.local"},
		"above the cluster's own":        {resolver.Settings{Forward: list("local")}, "overlaps with cluster.local"},
		"a reverse zone":                 {resolver.Settings{Forward: list("2.0.192.in-addr.arpa")}, "overlaps with in-addr.arpa"},
		"all reverse zones":              {resolver.Settings{Forward: list("arpa")}, "overlaps with ip6.arpa"},
		"the same twice":                 {resolver.Settings{Forward: list("example.org", "example.org")}, "forward[1]: Duplicate value"},
		"too many":                       {resolver.Settings{Forward: make([]resolver.Domain, 65)}, "Too many"},
		"a server on loopback":           {resolver.Settings{Forward: with("127.0.0.53")}, "forward[0].servers[0]: Invalid value"},
		"a server with a zone":           {resolver.Settings{Forward: with("192.0.2.1", "fe80::1%eth0")}, "forward[0].servers[1]: Invalid value"},
		"more servers than CoreDNS asks": {resolver.Settings{Forward: with(many...)}, "forward[0].servers: Too many"},
	} {
		t.Run(name, func(t *testing.T) {
			settings := test.settings
			if settings.Forward != nil || settings.QueriesPerSecond != 0 {
				settings = settings.Default()
			}
			_, err := resolver.Corefile(settings)
			require.ErrorContains(t, err, test.want)
			_, err = resolver.ConfigMap(settings)
			require.Error(t, err)
		})
	}
}

func TestItAnswersWhenAReplicaIsReady(t *testing.T) {
	yes, no := true, false
	slice := func(ready *bool, addresses ...string) []discoveryv1.EndpointSlice {
		return []discoveryv1.EndpointSlice{{}, {Endpoints: []discoveryv1.Endpoint{
			{Addresses: addresses, Conditions: discoveryv1.EndpointConditions{Ready: ready}},
		}}}
	}
	require.False(t, resolver.Answers(nil))
	require.False(t, resolver.Answers(slice(&no, "192.0.2.1")))
	require.False(t, resolver.Answers(slice(&yes)))
	require.True(t, resolver.Answers(slice(&yes, "192.0.2.1")))
	require.True(t, resolver.Answers(slice(nil, "192.0.2.1")))
}
