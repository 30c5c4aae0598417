package envoy_test

import (
	"bytes"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/envoy"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden() map[string]envoy.Settings {
	v4 := netip.MustParseAddr("198.51.100.10")
	v6 := netip.MustParseAddr("2001:db8::a")
	return map[string]envoy.Settings{
		"dual-stack": envoy.Settings{GuestID: "pharma", Namespace: "pharma-space", ClusterDNS: []netip.Addr{v4, v6}, IPv6: true}.Default(),
		"ipv4-only":  envoy.Settings{GuestID: "pharma", Namespace: "pharma-space", ClusterDNS: []netip.Addr{v4}}.Default(),
		"reader": envoy.Settings{
			Namespace: "pharma-space", ClusterDNS: []netip.Addr{v4}, OpaquePorts: []uint16{389}, Reader: "/usr/local/lib/libfollower.so",
		}.Default(),
		"tuned": {
			Namespace: "pharma-space", ClusterDNS: []netip.Addr{v6}, IPv6: true,
			ProtocolDetection: 2 * time.Second, MaxConnections: 10, OpaquePorts: []uint16{389, 3128},
		},
	}
}

func TestBootstrapMatchesItsGolden(t *testing.T) {
	for name, settings := range golden() {
		t.Run(name, func(t *testing.T) {
			got, err := envoy.Bootstrap(settings)
			require.NoError(t, err)
			path := filepath.Join("testdata", name+".yaml")
			if *update {
				require.NoError(t, os.WriteFile(path, got, 0o600))
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err)
			require.True(t, bytes.Equal(want, got), "%s differs from what the settings give; look at the change, then run with -update", path)
		})
	}
}
