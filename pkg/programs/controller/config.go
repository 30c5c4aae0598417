package controller

import (
	"fmt"
	"net/netip"
	"time"

	"data-space.liqo.io/pkg/decisions/envoy"
	"data-space.liqo.io/pkg/decisions/guard"
)

// Config is what whoever runs the controller may choose.
type Config struct {
	// ClusterDNS are the addresses of the cluster's DNS. Empty: those of the Service DNSService in DNS.Namespace, which is
	// followed when it changes.
	ClusterDNS []netip.Addr
	DNSService string
	// DNS names the pods behind the cluster's DNS, for the NetworkPolicy.
	DNS guard.DNS
	// IPv6, ProtocolDetection and MaxConnections go into every proxy's configuration.
	IPv6              bool
	ProtocolDetection time.Duration
	MaxConnections    uint32

	LeaderElect        bool
	MetricsBindAddress string // "0": none
	HealthBindAddress  string // "0": none
}

// Validate finds what could only fail later, namespace by namespace: addresses and times that no proxy accepts.
func (c Config) Validate() error {
	if len(c.ClusterDNS) == 0 {
		c.ClusterDNS = []netip.Addr{netip.AddrFrom4([4]byte{192, 0, 2, 1})} // discovered later; any will do here
	}
	settings := c.proxy(c.ClusterDNS)
	settings.Namespace = "any"
	if err := settings.Validate(nil).ToAggregate(); err != nil {
		return fmt.Errorf("--cluster-dns, --ipv6 and --protocol-detection-timeout: %w", err)
	}
	return nil
}

// proxy leaves out the addresses that pods without IPv6 could not reach.
func (c Config) proxy(addresses []netip.Addr) envoy.Settings {
	var reachable []netip.Addr
	for _, addr := range addresses {
		if c.IPv6 || addr.Is4() {
			reachable = append(reachable, addr)
		}
	}
	return envoy.Settings{
		ClusterDNS: reachable, IPv6: c.IPv6, ProtocolDetection: c.ProtocolDetection, MaxConnections: c.MaxConnections,
	}.Default()
}
