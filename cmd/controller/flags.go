package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation"

	"data-space.liqo.io/pkg/decisions/envoy"
	"data-space.liqo.io/pkg/decisions/guard"
	"data-space.liqo.io/pkg/programs/controller"
)

type settings struct {
	kubeconfig string
	level      slog.Level
	config     controller.Config
}

// parse reads the command line. Each flag is checked as it is read, and the error names it and what it accepts.
func parse(args []string, stderr io.Writer) (settings, error) {
	s := settings{config: controller.Config{
		DNSService: "kube-dns",
		DNS:        guard.DNS{Namespace: "kube-system", PodLabels: map[string]string{"k8s-app": "kube-dns"}},
	}}
	c := &s.config
	f := flag.NewFlagSet("controller", flag.ContinueOnError)
	f.SetOutput(io.Discard) // The caller tells the error; the package would tell it too, with all flags around it.
	f.StringVar(&s.kubeconfig, "kubeconfig", "", "kubeconfig `file`; empty inside a cluster")
	f.TextVar(&s.level, "log-level", slog.LevelInfo, "debug, info, warn or error")
	f.BoolFunc("v", "the same as --log-level=debug", func(string) error { s.level = slog.LevelDebug; return nil })
	each(f, "cluster-dns", "`addresses` of the cluster's DNS, comma-separated; default: those of the DNS Service, followed when they change",
		&c.ClusterDNS, parseAddresses)
	each(f, "dns-service", "`name` of the DNS Service (default kube-dns)", &c.DNSService, parseName)
	each(f, "dns-namespace", "`namespace` of the DNS Service and its pods (default kube-system)", &c.DNS.Namespace, parseName)
	each(f, "dns-pod-labels", "`labels` of the DNS pods, key=value, comma-separated (default k8s-app=kube-dns)", &c.DNS.PodLabels, parseLabels)
	f.BoolVar(&c.IPv6, "ipv6", true, "whether proxies listen on IPv6 too; false where nodes have no IPv6 in their kernel")
	each(f, "protocol-detection-timeout", "`duration` that a proxy waits for a connection's first bytes; protocols in which the server"+
		" speaks first wait that long (default "+envoy.DefaultProtocolDetection.String()+")", &c.ProtocolDetection, parseDetection)
	f.BoolVar(&c.LeaderElect, "leader-elect", false, "whether several replicas agree on one that works")
	each(f, "metrics-bind-address", "`host:port` of the authenticated HTTPS metrics, 0 for none (default :8443)", &c.MetricsBindAddress, parseBind)
	each(f, "health-bind-address", "`host:port` of /healthz and /readyz, 0 for none (default :8081)", &c.HealthBindAddress, parseBind)
	c.MetricsBindAddress, c.HealthBindAddress = ":8443", ":8081"
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			f.SetOutput(stderr)
			f.PrintDefaults()
		}
		return s, err
	}
	if f.NArg() > 0 {
		return s, fmt.Errorf("unexpected argument %q; every setting is a flag, see --help", f.Arg(0))
	}
	return s, c.Validate()
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

func parseAddresses(text string) ([]netip.Addr, error) {
	var addresses []netip.Addr
	for _, one := range strings.Split(text, ",") {
		addr, err := netip.ParseAddr(strings.TrimSpace(one))
		if err != nil {
			return nil, fmt.Errorf("%q is not an IP address; write for example 10.96.0.10 or 10.96.0.10,fd00::a", one)
		}
		addresses = append(addresses, addr)
	}
	return addresses, nil
}

// parseDetection leaves the bounds to the proxy's settings, where zero means the default.
func parseDetection(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d == 0 {
		return 0, fmt.Errorf("%q is not a duration above zero; write for example 300ms", text)
	}
	return d, nil
}

func parseName(text string) (string, error) {
	if problems := validation.IsDNS1123Label(text); len(problems) > 0 {
		return "", errors.New(problems[0])
	}
	return text, nil
}

func parseLabels(text string) (map[string]string, error) {
	set, err := labels.ConvertSelectorToLabelsMap(text)
	if err != nil || len(set) == 0 {
		return nil, fmt.Errorf("write key=value, for example k8s-app=kube-dns; without labels every pod there would pass for DNS")
	}
	return set, nil
}

func parseBind(text string) (string, error) {
	if text == "0" {
		return text, nil
	}
	_, port, err := net.SplitHostPort(text)
	if err != nil {
		return "", fmt.Errorf("%q is not host:port; write for example :8081, or 0 for none", text)
	}
	if number, err := strconv.ParseUint(port, 10, 16); err != nil || number == 0 {
		return "", fmt.Errorf("%q is not a port; use 1 to 65535", port)
	}
	return text, nil
}
