package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation"

	"data-space.liqo.io/pkg/decisions/admit"
	"data-space.liqo.io/pkg/decisions/resolver"
	"data-space.liqo.io/pkg/programs/cli"
	"data-space.liqo.io/pkg/programs/controller"
	"data-space.liqo.io/pkg/programs/nodeoffers"
	"data-space.liqo.io/pkg/programs/workloads"
	"data-space.liqo.io/pkg/values/nodelease"
)

type settings struct {
	kubeconfig string
	log        cli.Log
	config     controller.Config
	offers     nodeoffers.Config
	workloads  workloads.Config
	exempt     []string // namespaces whose pods may be on reserved nodes
}

// flags adds all flags. Each is checked as it is read; check has the rest.
func (s *settings) flags(f *pflag.FlagSet) {
	s.config = controller.Config{Resolver: resolver.Settings{}.Default(), MetricsBindAddress: ":8443", HealthBindAddress: ":8081"}
	c, bind := &s.config, cli.OrNone(cli.AddressParser(":8081, or 0 for none", ""))
	c.DNSService, c.DNS = controller.OwnDNS()
	f.StringVar(&s.kubeconfig, "kubeconfig", "", "kubeconfig `file`; empty inside a cluster")
	dnsFlags(f, c)
	proxyFlags(f, c)
	nodeFlags(f, &s.offers)
	workloadFlags(f, &s.workloads)
	f.StringSliceVar(&s.exempt, "reserved-exempt-namespaces", []string{"liqo"}, "`namespaces`, beside kube-system and data-spacer, whose pods may be on reserved nodes, as the webhook's")
	f.BoolVar(&c.LeaderElect, "leader-elect", false, "whether several replicas agree on one that works")
	cli.Var(f, "metrics-bind-address", "`host:port` of the authenticated HTTPS metrics, 0 for none (default :8443)", &c.MetricsBindAddress, bind)
	cli.MetricsCertDir(f, &c.MetricsCertDir)
	cli.Var(f, "health-bind-address", "`host:port` of /healthz and /readyz, 0 for none (default :8081)", &c.HealthBindAddress, bind)
	s.log.Flags(f)
	f.BoolFuncP("v", "v", "the same as --log-level=debug", func(string) error { s.log.Level = slog.LevelDebug; return nil })
}

// dnsFlags say who answers the guests' names, and which.
func dnsFlags(f *pflag.FlagSet, c *controller.Config) {
	cli.Var(f, "dns-forward-domains", "`domains` outside of the cluster that guests may ask for, each with its server or, without one,"+
		" through the cluster's DNS: example.org=198.51.100.53,example.com (default none)", &c.Resolver.Forward, parseForward)
	cli.Var(f, "guest-namespace-pattern", "regular `expression` for the names of guests' namespaces, as the webhook's; others are reported (default "+admit.DefaultSpacePattern+")", &c.SpacePattern, admit.ParseSpacePattern)
	cli.Var(f, "cluster-domain", "`domain` of the cluster's own names (default "+resolver.DefaultClusterDomain+")", &c.Resolver.ClusterDomain, parseDomain)
	f.IntVar(&c.Resolver.QueriesPerSecond, "dns-queries-per-second", c.Resolver.QueriesPerSecond, "`number` of DNS questions that each foreign pod may ask in a second, and ten times as many at once after a rest; the resolver refuses those above")
	cli.Var(f, "dns-service", "`name` of the Service that answers guests' names (default "+c.DNSService+"); followed when its addresses change", &c.DNSService, parseName)
	cli.Var(f, "dns-namespace", "`namespace` of that Service and its pods (default "+c.DNS.Namespace+")", &c.DNS.Namespace, parseName)
	cli.Var(f, "dns-pod-labels", "`labels` of its pods, key=value, comma-separated (default "+labels.FormatLabels(c.DNS.PodLabels)+")", &c.DNS.PodLabels, parseLabels)
	cli.Var(f, "guest-names-server", "`host:port` of the DNS server that is asked for the hosts that GuestPolicies name (default the servers of the controller's own pod)", &c.NamesServer, cli.AddressParser("198.51.100.53:53", ""))
	cli.Var(f, "cluster-dns", "`addresses` that answer guests' names, comma-separated, instead of those of the Service", &c.ClusterDNS, parseAddresses)
}

// nodeFlags say which nodes foreign pods are scheduled to.
func nodeFlags(f *pflag.FlagSet, c *nodeoffers.Config) {
	c.Lease = nodelease.Duration
	cli.Var(f, "agent-lease-duration", "`duration` after an agent's last renewal of its Lease for which foreign pods are scheduled to its node;"+
		" agents renew every "+nodelease.RenewEvery.String()+" (default "+nodelease.Duration.String()+")", &c.Lease, nodeoffers.ParseLease)
	cli.Var(f, "startup-taint", "`taint` of new nodes, key[=value]:effect, that the controller takes off a node when foreign pods may be"+
		" scheduled there, and puts back when they may not any more (default none)", &c.Taint, nodeoffers.ParseTaint)
}

// parseForward reads DOMAIN or DOMAIN=ADDRESS, comma-separated; a domain that is named again gets one more server.
func parseForward(text string) ([]resolver.Domain, error) {
	var domains []resolver.Domain
	for _, one := range strings.Split(text, ",") {
		name, server, given := strings.Cut(strings.TrimSpace(one), "=")
		domain := resolver.Domain{Name: strings.TrimSuffix(name, ".")}
		if given {
			addr, err := netip.ParseAddr(server)
			if err != nil {
				return nil, fmt.Errorf("%q is not an IP address; write for example example.org=198.51.100.53,example.com", server)
			}
			domain.Servers = []netip.Addr{addr}
		}
		same := func(d resolver.Domain) bool { return d.Name == domain.Name && given && len(d.Servers) > 0 }
		if i := slices.IndexFunc(domains, same); i >= 0 {
			domains[i].Servers = append(domains[i].Servers, domain.Servers...)
			continue
		}
		domains = append(domains, domain)
	}
	return domains, nil
}

func parseDomain(text string) (string, error) {
	domain := strings.TrimSuffix(text, ".")
	if problems := validation.IsDNS1123Subdomain(domain); len(problems) > 0 {
		return "", errors.New(problems[0])
	}
	return domain, nil
}

func parseName(text string) (string, error) {
	if problems := validation.IsDNS1123Label(text); len(problems) > 0 {
		return "", errors.New(problems[0])
	}
	return text, nil
}
