package envoy_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"data-space.liqo.io/pkg/decisions/envoy"
)

func TestWhatIsWrongWithSettingsIsNamed(t *testing.T) {
	addr := netip.MustParseAddr
	for name, test := range map[string]struct {
		change func(*envoy.Settings)
		want   string // empty: nothing is wrong
	}{
		"nothing":                      {func(*envoy.Settings) {}, ""},
		"no guest id":                  {func(s *envoy.Settings) { s.GuestID = "" }, ""},
		"a guest id that logs a lie":   {func(s *envoy.Settings) { s.GuestID = "%REQ(X)%" }, "proxy.guestID: Invalid value"},
		"no namespace":                 {func(s *envoy.Settings) { s.Namespace = "" }, "proxy.namespace: Invalid value"},
		"a namespace with a dot":       {func(s *envoy.Settings) { s.Namespace = "a.b" }, "proxy.namespace: Invalid value"},
		"a reader from anywhere":       {func(s *envoy.Settings) { s.Reader = "libfollower.so" }, "proxy.reader: Invalid value: \"libfollower.so\": choose the absolute path of a file"},
		"no time to detect":            {func(s *envoy.Settings) { s.ProtocolDetection = 0 }, "proxy.protocolDetection: Invalid value: \"0s\": choose a duration from 10ms to 30s"},
		"a long time to detect":        {func(s *envoy.Settings) { s.ProtocolDetection = time.Hour }, "proxy.protocolDetection"},
		"no connections":               {func(s *envoy.Settings) { s.MaxConnections = 0 }, "proxy.maxConnections"},
		"too many connections":         {func(s *envoy.Settings) { s.MaxConnections = 1 << 31 }, "proxy.maxConnections"},
		"an opaque port":               {func(s *envoy.Settings) { s.OpaquePorts = []uint16{80} }, ""},
		"no opaque port":               {func(s *envoy.Settings) { s.OpaquePorts = []uint16{80, 0} }, "proxy.opaquePorts[1]: Invalid value: 0: choose a port from 1 to 65535"},
		"the proxy's port, opaque":     {func(s *envoy.Settings) { s.OpaquePorts = []uint16{13031} }, "proxy.opaquePorts[0]: Invalid value"},
		"DNS, opaque":                  {func(s *envoy.Settings) { s.OpaquePorts = []uint16{53} }, "proxy.opaquePorts[0]: Invalid value"},
		"an opaque port twice":         {func(s *envoy.Settings) { s.OpaquePorts = []uint16{80, 80} }, "proxy.opaquePorts[1]: Duplicate value"},
		"too many opaque ports":        {func(s *envoy.Settings) { s.OpaquePorts = make([]uint16, 33) }, "proxy.opaquePorts: Too many"},
		"no DNS":                       {func(s *envoy.Settings) { s.ClusterDNS = nil }, "proxy.clusterDNS: Required value"},
		"too much DNS":                 {func(s *envoy.Settings) { s.ClusterDNS = make([]netip.Addr, 9) }, "proxy.clusterDNS: Too many"},
		"an empty address":             {func(s *envoy.Settings) { s.ClusterDNS[1] = netip.Addr{} }, "proxy.clusterDNS[1]: Invalid value"},
		"DNS on loopback":              {func(s *envoy.Settings) { s.ClusterDNS[0] = addr("127.0.0.53") }, "proxy.clusterDNS[0]: Invalid value"},
		"DNS everywhere":               {func(s *envoy.Settings) { s.ClusterDNS[0] = addr("::") }, "proxy.clusterDNS[0]: Invalid value"},
		"DNS in a group":               {func(s *envoy.Settings) { s.ClusterDNS[0] = addr("ff02::fb") }, "proxy.clusterDNS[0]: Invalid value"},
		"DNS with a zone":              {func(s *envoy.Settings) { s.ClusterDNS[0] = addr("fe80::1%eth0") }, "proxy.clusterDNS[0]: Invalid value"},
		"IPv4 written as IPv6":         {func(s *envoy.Settings) { s.ClusterDNS[0] = addr("::ffff:192.0.2.1") }, "proxy.clusterDNS[0]: Invalid value"},
		"the same twice":               {func(s *envoy.Settings) { s.ClusterDNS[1] = s.ClusterDNS[0] }, "proxy.clusterDNS[1]: Duplicate value"},
		"IPv6 DNS where there is none": {func(s *envoy.Settings) { s.IPv6 = false }, "proxy.clusterDNS[1]: Invalid value: \"2001:db8::a\": is IPv6, which is turned off"},
	} {
		t.Run(name, func(t *testing.T) {
			s := envoy.Settings{
				GuestID: "pharma", Namespace: "pharma-space", IPv6: true,
				ClusterDNS: []netip.Addr{addr("192.0.2.10"), addr("2001:db8::a")},
			}.Default()
			test.change(&s)
			errs := s.Validate(field.NewPath("proxy"))
			_, err := envoy.Bootstrap(s)
			if test.want == "" {
				require.Empty(t, errs)
				require.NoError(t, err)
				return
			}
			require.Contains(t, errs.ToAggregate().Error(), test.want)
			require.ErrorContains(t, err, "settings of the proxy: ")
		})
	}
}

func TestTheSameSettingsGiveTheSameBytes(t *testing.T) {
	s := golden()["dual-stack"]
	first, err := envoy.Bootstrap(s)
	require.NoError(t, err)
	for range 5 {
		again, err := envoy.Bootstrap(s)
		require.NoError(t, err)
		require.Equal(t, string(first), string(again))
	}
}

func TestWithoutIPv6NoListenerNamesIt(t *testing.T) {
	got, err := envoy.Bootstrap(golden()["ipv4-only"])
	require.NoError(t, err)
	_, listeners, found := strings.Cut(string(got), "\n  listeners:\n")
	require.True(t, found)
	require.NotContains(t, listeners, "address: ::")
}

func TestOnlyIngressAndReadinessListenBeyondLoopback(t *testing.T) {
	got, err := envoy.Bootstrap(golden()["dual-stack"])
	require.NoError(t, err)
	require.Equal(t, 2, strings.Count(string(got), "ipv4_compat: true"), "what listens everywhere")
	require.NotContains(t, string(got), "use_http_header: true")
}
