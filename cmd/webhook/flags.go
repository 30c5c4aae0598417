package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"data-space.liqo.io/pkg/decisions/admit"
	"data-space.liqo.io/pkg/decisions/inject"
	"data-space.liqo.io/pkg/decisions/seccomp"
	"data-space.liqo.io/pkg/programs/webhook"
	"data-space.liqo.io/pkg/values/apis"
)

type settings struct {
	kubeconfig string
	level      slog.Level
	options    webhook.Options
}

// parse reads the command line. Each flag is checked as it is read, and the error names it and what it accepts.
func parse(args []string, stderr io.Writer) (settings, error) {
	s := settings{options: webhook.Options{CertSource: webhook.CertSelf, Drain: 10 * time.Second, Port: 9443, MetricsAddress: ":8080", HealthAddress: ":8081"}}
	o, proxy, grants := &s.options, &s.options.Proxy, &s.options.Grants
	proxy.Requests, _ = inject.ParseResources("cpu=50m,memory=64Mi")
	proxy.Limits, _ = inject.ParseResources("memory=256Mi")
	var err error
	if proxy.SeccompProfile, err = seccomp.Name(); err != nil {
		return s, err
	}
	o.DNSNames = []string{webhook.Name + "." + apis.SystemNamespace + ".svc"}

	f := flag.NewFlagSet("webhook", flag.ContinueOnError)
	f.SetOutput(io.Discard) // The caller tells the error; the package would tell it too, with all flags around it.
	f.StringVar(&s.kubeconfig, "kubeconfig", "", "kubeconfig `file`; empty inside a cluster")
	f.TextVar(&s.level, "log-level", slog.LevelInfo, "debug, info, warn or error")
	f.StringVar(&o.CertDir, "cert-dir", "/run/data-space-webhook", "`directory` of the serving certificate (tls.crt, tls.key)")
	each(f, "envoy-image", "container image of the injected proxy (required)", &proxy.Image, inject.ParseImage)
	each(f, "proxy-requests", "what the proxy requests (default cpu=50m,memory=64Mi)", &proxy.Requests, inject.ParseResources)
	each(f, "proxy-limits", "what the proxy is limited to (default memory=256Mi)", &proxy.Limits, inject.ParseResources)
	each(f, "seccomp-profile", "seccomp profile of foreign pods: ours, which the agent keeps on each node, or RuntimeDefault (default ours)", &proxy.SeccompProfile, parseProfile)
	grantFlags(f, grants)
	each(f, "api-output", "what of a foreign pod's output statuses and Events show: allowed or closed, the latter with deploy/closed-output (default allowed)",
		&o.APIOutput, webhook.ParseAPIOutput)
	each(f, "guest-namespace-pattern", "regular expression for the names of guests' namespaces; {guest} is the cluster id (default "+admit.DefaultSpacePattern+")",
		&o.Spaces.Pattern, admit.ParseSpacePattern)
	each(f, "cluster-domain", "domain of the cluster's own names (default cluster.local)", &o.Spaces.ClusterDomain, parseDomain)
	f.BoolFunc("require-enforced-nodes", "whether foreign pods are scheduled only to nodes whose agent is ready; with false, remove the policy's"+
		" rule as well, by deploy/any-node (default true)", func(text string) error {
		required, err := strconv.ParseBool(text)
		proxy.AnyNode = !required
		return err
	})
	each(f, "cert-source", "self: made and rotated by this program; files: by cert-manager (default self)", &o.CertSource, webhook.ParseCertSource)
	each(f, "dns-names", "names the API server calls the webhook by, comma-separated (default the Service's)", &o.DNSNames, parseNames)
	each(f, "drain-time", "how long the program still serves after SIGTERM, until the Service no longer sends requests to it (default 10s)", &o.Drain, parseDrain)
	each(f, "port", "TLS port for the API server (default 9443)", &o.Port, parsePort)
	each(f, "metrics-bind-address", "host:port of the metrics, 0 for none (default :8080)", &o.MetricsAddress, parseMetrics)
	each(f, "health-bind-address", "host:port of /healthz and /readyz (default :8081)", &o.HealthAddress, parseAddress)
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			f.SetOutput(stderr)
			f.PrintDefaults()
		}
		return s, err
	}
	proxy.PriorityClasses = grants.PriorityClasses
	return s, check(s, f.Args())
}

// grantFlags say what guests may have.
func grantFlags(f *flag.FlagSet, grants *admit.Settings) {
	each(f, "seccomp-profiles", "other profiles of the nodes that foreign pods may name, comma-separated (default none)", &grants.SeccompProfiles, admit.ParseProfiles)
	each(f, "pod-security", "Pod Security level of foreign pods: baseline or restricted (default baseline)", &grants.PodSecurity, admit.ParseLevel)
	each(f, "runtime-classes", "RuntimeClasses that foreign pods may name, comma-separated (default none)", &grants.RuntimeClasses, admit.ParseNames)
	each(f, "devices", "extended resources that foreign pods may ask for, comma-separated (default none)", &grants.Devices, admit.ParseDevices)
	each(f, "storage-classes", "StorageClasses that guests' claims may name, comma-separated (default any)", &grants.StorageClasses, admit.ParseNames)
	each(f, "priority-classes", "PriorityClasses that foreign pods may name, comma-separated (default none)", &grants.PriorityClasses, admit.ParseNames)
	each(f, "tolerations", "keys of Kubernetes' taints that foreign pods may tolerate, comma-separated (default none)", &grants.Tolerations, admit.ParseTolerations)
	each(f, "ingress-classes", "classes of the Ingresses that guests may have, comma-separated (default none)", &grants.IngressClasses, admit.ParseNames)
	each(f, "endpoint-networks", "networks that guests' own endpoints may be in, comma-separated (default none)", &grants.EndpointNetworks, admit.ParseNetworks)
}

// check holds what no single flag can tell.
func check(s settings, rest []string) error {
	if len(rest) > 0 {
		return fmt.Errorf("unexpected argument %q; every setting is a flag, see --help", rest[0])
	}
	if s.options.Proxy.Image == "" {
		return fmt.Errorf("--envoy-image is missing; name the proxy's container image")
	}
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

// each adds a flag whose value is read by a parser.
func each[T any](f *flag.FlagSet, name, usage string, target *T, parser func(string) (T, error)) {
	f.Func(name, usage, func(text string) error {
		value, err := parser(text)
		if err == nil {
			*target = value
		}
		return err
	})
}

// parseDrain accepts what fits into a pod's default grace period of 30 seconds.
func parseDrain(text string) (time.Duration, error) {
	drain, err := time.ParseDuration(text)
	if err != nil || drain < 0 || drain > 25*time.Second {
		return 0, fmt.Errorf("%q is not a time of 0s to 25s, which a pod has by default before it is killed; write for example 10s", text)
	}
	return drain, nil
}

func parseDomain(text string) (string, error) {
	if problems := validation.IsDNS1123Subdomain(strings.TrimSuffix(text, ".")); len(problems) > 0 {
		return "", fmt.Errorf("%q is not a DNS name: %s", text, problems[0])
	}
	return text, nil
}

// parseProfile returns the name of the profile that foreign pods get; empty: the runtime's own.
func parseProfile(text string) (string, error) {
	switch text {
	case "ours":
		return seccomp.Name()
	case string(corev1.SeccompProfileTypeRuntimeDefault):
		return "", nil
	}
	return "", fmt.Errorf("%q is not a profile for foreign pods; use ours or %s", text, corev1.SeccompProfileTypeRuntimeDefault)
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

func parsePort(text string) (int, error) {
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 {
		return 0, fmt.Errorf("%q is not a port; use 1 to 65535", text)
	}
	return int(port), nil
}

func parseMetrics(text string) (string, error) {
	if text == "0" {
		return text, nil
	}
	return parseAddress(text)
}

func parseAddress(text string) (string, error) {
	_, port, err := net.SplitHostPort(text)
	if err != nil {
		return "", fmt.Errorf("%q is not host:port; write for example :8080", text)
	}
	if _, err := parsePort(port); err != nil {
		return "", err
	}
	return text, nil
}
