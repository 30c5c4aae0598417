package controller

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"time"

	"data-space.liqo.io/pkg/decisions/envoy"
	"data-space.liqo.io/pkg/decisions/guard"
	"data-space.liqo.io/pkg/decisions/resolver"
	"data-space.liqo.io/pkg/values/apis"
)

// Config has the controller's settings.
type Config struct {
	// ClusterDNS are the addresses of what answers the guests' names. Empty: those of the Service DNSService in
	// DNS.Namespace, which is followed when it changes.
	ClusterDNS []netip.Addr
	DNSService string
	// DNS names the pods behind it, for the NetworkPolicy.
	DNS guard.DNS
	// Resolver says what the guests' resolver answers, where it is that one: see OwnDNS.
	Resolver resolver.Settings
	// SpacePattern says what guests' namespaces are called, as the webhook's flag does.
	SpacePattern string
	// IPv6, ProtocolDetection, ServerFirstPorts, MaxConnections and OpaquePorts go into every proxy's configuration.
	IPv6              bool
	ProtocolDetection time.Duration
	ServerFirstPorts  []uint16
	MaxConnections    uint32
	OpaquePorts       []uint16

	// ClosedNetworks are networks that no GuestPolicy opens by address, beside those of nodes, their pods and the API server.
	ClosedNetworks []netip.Prefix

	// NamesServer (host:port) is asked for the names of hosts in GuestPolicies. Empty: the servers of the controller's own pod.
	NamesServer string

	// Narrowed reports whether workloads of a foreign namespace have policies of their own. It may be nil: none has.
	Narrowed func(name string, labels map[string]string) bool

	LeaderElect        bool
	MetricsBindAddress string // "0": none
	MetricsCertDir     string // tls.crt and tls.key, followed when they change; empty: a certificate is made each day
	HealthBindAddress  string // "0": none
}

// OwnDNS is where the guests' names are answered unless the flags choose otherwise: by the resolver of deploy/resolver.yaml.
func OwnDNS() (service string, pods guard.DNS) {
	return apis.ResolverName, guard.DNS{
		Namespace: apis.SystemNamespace, PodLabels: map[string]string{apis.LabelName: apis.ResolverName},
	}
}

// ownResolver says that the guests' names are answered by our resolver, which then is the controller's to configure.
func (c Config) ownResolver() bool {
	service, pods := OwnDNS()
	return len(c.ClusterDNS) == 0 && c.DNSService == service && c.DNS.Namespace == pods.Namespace
}

// Validate finds what could only fail later, namespace by namespace: addresses and times that no proxy accepts.
func (c Config) Validate() error {
	addresses := c.ClusterDNS
	if len(addresses) == 0 {
		addresses = []netip.Addr{netip.AddrFrom4([4]byte{192, 0, 2, 1})} // discovered later; any will do here
	}
	settings := c.proxy(addresses)
	settings.Namespace = "any"
	if err := settings.Validate(nil).ToAggregate(); err != nil {
		return fmt.Errorf("--cluster-dns, --ipv6, --server-first-ports, --max-connections, --opaque-ports and --protocol-detection-timeout: %w", err)
	}
	return c.validateResolver()
}

func (c Config) validateResolver() error {
	if c.ownResolver() {
		if err := c.Resolver.Validate(nil).ToAggregate(); err != nil {
			return fmt.Errorf("--cluster-domain, --dns-forward-domains and --dns-queries-per-second: %w", err)
		}
		return nil
	}
	if _, pods := OwnDNS(); maps.Equal(c.DNS.PodLabels, pods.PodLabels) {
		return errors.New("--dns-pod-labels: names are to be answered by another DNS than our resolver, so name its pods too," +
			" or the NetworkPolicy keeps guests from it; for example --dns-namespace=kube-system --dns-pod-labels=k8s-app=kube-dns")
	}
	if len(c.Resolver.Forward) > 0 {
		return errors.New("--dns-forward-domains: names are to be answered by another DNS than our resolver, which alone knows of these domains; leave it out")
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
		ServerFirstPorts: c.ServerFirstPorts, OpaquePorts: c.OpaquePorts,
	}.Default()
}
