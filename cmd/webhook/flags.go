package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"data-space.liqo.io/pkg/decisions/admit"
	"data-space.liqo.io/pkg/decisions/inject"
	"data-space.liqo.io/pkg/decisions/seccomp"
	"data-space.liqo.io/pkg/programs/cli"
	"data-space.liqo.io/pkg/programs/webhook"
	"data-space.liqo.io/pkg/values/apis"
)

type settings struct {
	kubeconfig string
	profile    string // value of --seccomp-profile
	log        cli.Log
	options    webhook.Options
}

// flags adds all flags. Each is checked as it is read; check has the rest.
func (s *settings) flags(f *pflag.FlagSet) {
	s.options = webhook.Options{
		CertSource: webhook.CertSelf, Drain: 10 * time.Second, Port: 9443, MetricsAddress: ":8080", HealthAddress: ":8081",
		DNSNames: []string{webhook.Name + "." + apis.SystemNamespace + ".svc"}, Proxy: inject.Settings{Module: true},
	}
	address := cli.AddressParser(":8080", "")
	o, proxy, grants := &s.options, &s.options.Proxy, &s.options.Grants
	proxy.Requests, _ = inject.ParseResources("cpu=50m,memory=64Mi")
	proxy.Limits, _ = inject.ParseResources("memory=256Mi")
	f.StringVar(&s.kubeconfig, "kubeconfig", "", "kubeconfig `file`; empty inside a cluster")
	f.StringVar(&o.CertDir, "cert-dir", "/run/data-space-webhook", "`directory` of the serving certificate (tls.crt, tls.key)")
	cli.Var(f, "envoy-image", "container image of the injected proxy (required)", &proxy.Image, inject.ParseImage)
	cli.Var(f, "proxy-requests", "what the proxy requests (default cpu=50m,memory=64Mi)", &proxy.Requests, inject.ParseResources)
	cli.Var(f, "proxy-limits", "what the proxy is limited to (default memory=256Mi)", &proxy.Limits, inject.ParseResources)
	cli.Var(f, "proxy-reader", "what reads the requests that proxies record: module, which reads along while all bytes pass unchanged, or codec (Envoy's) (default module)", &proxy.Module, inject.ParseReader)
	cli.Choice(f, "seccomp-profile", "seccomp profile of foreign pods: ours, which the agent keeps on each node, or RuntimeDefault", &s.profile, profileOurs, string(corev1.SeccompProfileTypeRuntimeDefault))
	grantFlags(f, grants)
	reservedFlags(f, o)
	cli.Var(f, "api-output", "what of a foreign pod's output statuses and Events show: allowed or closed, the latter with deploy/closed-output (default allowed)",
		&o.APIOutput, webhook.ParseAPIOutput)
	cli.Var(f, "guest-namespace-pattern", "regular expression for the names of guests' namespaces; {guest} is the cluster id (default "+admit.DefaultSpacePattern+")",
		&o.Spaces.Pattern, admit.ParseSpacePattern)
	cli.Var(f, "cluster-domain", "domain of the cluster's own names (default cluster.local)", &o.Spaces.ClusterDomain, parseDomain)
	f.BoolFunc("require-enforced-nodes", "whether foreign pods are scheduled only to nodes whose agent is ready; with false, remove the policy's"+
		" rule as well, by deploy/any-node (default true)", func(text string) error {
		required, err := strconv.ParseBool(text)
		proxy.AnyNode = !required
		return err
	})
	cli.Var(f, "cert-source", "self: made and rotated by this program; files: by cert-manager (default self)", &o.CertSource, webhook.ParseCertSource)
	cli.Var(f, "dns-names", "names the API server calls the webhook by, comma-separated (default the Service's)", &o.DNSNames, parseNames)
	cli.Var(f, "drain-time", "how long the program still serves after SIGTERM, until the Service no longer sends requests to it (default 10s)", &o.Drain,
		cli.DrainParser(25*time.Second, "which a pod has by default before it is killed"))
	cli.Var(f, "port", "TLS port for the API server (default 9443)", &o.Port, cli.ParsePort)
	cli.Metrics(f, &o.MetricsAddress, &o.MetricsCertDir, cli.OrNone(address))
	cli.Var(f, "health-bind-address", "host:port of /healthz and /readyz (default :8081)", &o.HealthAddress, address)
	s.log.Flags(f)
}

// grantFlags say what guests may have.
func grantFlags(f *pflag.FlagSet, grants *admit.Settings) {
	cli.Var(f, "seccomp-profiles", "other profiles of the nodes that foreign pods may name, comma-separated (default none)", &grants.SeccompProfiles, admit.ParseProfiles)
	cli.Var(f, "pod-security", "Pod Security level of foreign pods: baseline or restricted (default baseline)", &grants.PodSecurity, admit.ParseLevel)
	cli.Var(f, "runtime-classes", "RuntimeClasses that foreign pods may name, comma-separated (default none)", &grants.RuntimeClasses, admit.ParseNames)
	cli.Var(f, "devices", "extended resources that foreign pods may ask for, comma-separated (default none)", &grants.Devices, admit.ParseDevices)
	cli.Var(f, "storage-classes", "StorageClasses that guests' claims may name, comma-separated (default any)", &grants.StorageClasses, admit.ParseNames)
	cli.Var(f, "priority-classes", "PriorityClasses that foreign pods may name, comma-separated (default none)", &grants.PriorityClasses, admit.ParseNames)
	cli.Var(f, "tolerations", "keys of Kubernetes' taints that foreign pods may tolerate, comma-separated (default none)", &grants.Tolerations, admit.ParseTolerations)
	cli.Var(f, "ingress-classes", "classes of the Ingresses that guests may have, comma-separated (default none)", &grants.IngressClasses, admit.ParseNames)
	cli.Var(f, "endpoint-networks", "networks that guests' own endpoints may be in, comma-separated (default none)", &grants.EndpointNetworks, admit.ParseNetworks)
}

// check completes the settings, and reports what no single flag can.
func (s *settings) check() error {
	if s.options.Proxy.Image == "" {
		return fmt.Errorf("--envoy-image is missing; name the proxy's container image")
	}
	var err error
	if s.options.Proxy.SeccompProfile, err = profileName(s.profile); err != nil {
		return err
	}
	s.options.Proxy.PriorityClasses = s.options.Grants.PriorityClasses
	if s.options.CertDir == "" {
		return fmt.Errorf("--cert-dir is empty; name a directory")
	}
	if err := inject.CheckLimits(s.options.Proxy.Limits); err != nil {
		return fmt.Errorf("--proxy-limits: %w", err)
	}
	if err := inject.CheckResources(s.options.Proxy.Requests, s.options.Proxy.Limits); err != nil {
		return fmt.Errorf("--proxy-requests and --proxy-limits: %w", err)
	}
	return nil
}

func parseDomain(text string) (string, error) {
	if problems := validation.IsDNS1123Subdomain(strings.TrimSuffix(text, ".")); len(problems) > 0 {
		return "", fmt.Errorf("%q is not a DNS name: %s", text, problems[0])
	}
	return text, nil
}

// profileOurs is the value of --seccomp-profile for the profile that agents keep on their nodes.
const profileOurs = "ours"

// profileName returns the name of the profile that foreign pods get; empty: the runtime's own.
func profileName(choice string) (string, error) {
	if choice == profileOurs {
		return seccomp.Name()
	}
	return "", nil
}

func parseNames(text string) ([]string, error) {
	names := strings.Split(text, ",")
	for _, name := range names {
		if problems := validation.IsDNS1123Subdomain(name); len(problems) > 0 {
			return nil, fmt.Errorf("%q is not a DNS name: %s", name, problems[0])
		}
	}
	return names, nil
}
