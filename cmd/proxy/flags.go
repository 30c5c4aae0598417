package main

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/pflag"

	"data-space.liqo.io/pkg/programs/apiproxy"
	"data-space.liqo.io/pkg/programs/cli"
)

type settings struct {
	kubeconfig string
	log        cli.Log
	options    apiproxy.Options
}

// flags adds all flags. Each is checked as it is read; check has the rest.
func (s *settings) flags(f *pflag.FlagSet) {
	s.options = apiproxy.Options{
		Address: ":9443", MetricsAddress: ":8080", HealthAddress: ":8081", Drain: 10 * time.Second, RequestsPerCaller: 400,
		Audit: apiproxy.Audit{Bytes: 100 << 20}, Direct: apiproxy.Direct{Address: "0"},
	}
	o, address := &s.options, cli.AddressParser(":9443", "has no port of 1 to 65535")
	f.StringVar(&s.kubeconfig, "kubeconfig", "", "kubeconfig `file`; empty inside a cluster")
	f.StringVar(&o.Serving.CertFile, "tls-cert-file", "", "`file` of the certificate that the proxy shows; followed when it changes (required)")
	f.StringVar(&o.Serving.KeyFile, "tls-private-key-file", "", "`file` of its key (required)")
	f.StringVar(&o.Serving.ClientCAFile, "client-ca-file", "", "`file` of the CA certificates of client certificates, followed when it changes;"+
		" empty: those of the API server, from the ConfigMap kube-system/extension-apiserver-authentication")
	f.StringVar(&o.Serving.ForwardingCAFile, "forwarding-ca-file", "", "`file` of the CA certificates of proxies before this one that may forward client"+
		" certificates, followed when it changes; empty: none may")
	f.StringSliceVar(&o.Serving.ForwardingNames, "forwarding-names", nil, "common `names` of these proxies' certificates, comma-separated")
	f.StringVar(&o.Serving.ForwardedHeader, "forwarded-cert-header", "Ssl-Client-Cert", "`header` in which they forward a certificate: PEM, escaped as in a URL")
	cli.Var(f, "bind-address", "`host:port` of the proxy, over TLS (default :9443)", &o.Address, address)
	cli.Var(f, "max-requests-per-caller", "`number` of requests of one guest, or of one caller who is no guest's, that may be open at a time, watches included (default 400)",
		&o.RequestsPerCaller, parseCount)
	cli.Var(f, "authorizer-bind-address", "`host:port` at which the API server asks what callers may see without the proxy (direct mode), 0 for none (default 0)",
		&o.Direct.Address, cli.OrNone(address))
	f.StringSliceVar(&o.Direct.Callers, "authorizer-callers", nil, "common `names` of the client certificates that may ask there, comma-separated; a certificate with an organization may not")
	f.StringVar(&o.Audit.Path, "audit-log-path", "", "`file` for an audit event (audit.k8s.io/v1) of each request; - for standard output; empty: none")
	cli.Var(f, "audit-log-maxsize", "`mebibytes` of that file until another one begins (default 100)", &o.Audit.Bytes, parseMebibytes)
	f.IntVar(&o.Audit.Kept, "audit-log-maxbackup", 10, "`number` of full files that are kept beside it")
	cli.Var(f, "drain-time", "`duration` for which the program still serves after SIGTERM, until the Service no longer sends requests to it (default 10s)",
		&o.Drain, cli.DrainParser(20*time.Second, "which with the end of open requests a pod has before it is killed"))
	cli.Metrics(f, &o.MetricsAddress, &o.MetricsCertDir, cli.OrNone(address))
	cli.Var(f, "health-bind-address", "`host:port` of /healthz and /readyz (default :8081)", &o.HealthAddress, address)
	s.log.Flags(f)
}

func (s *settings) check() error {
	if s.options.Serving.CertFile == "" || s.options.Serving.KeyFile == "" {
		return errors.New("--tls-cert-file or --tls-private-key-file is missing; name the files of the certificate that the proxy shows")
	}
	if (s.options.Direct.Address == "0") != (len(s.options.Direct.Callers) == 0) {
		return errors.New("--authorizer-bind-address and --authorizer-callers are given together; name both, or neither")
	}
	if s.options.Audit.Kept < 0 {
		return fmt.Errorf("--audit-log-maxbackup=%d: give 0 or more", s.options.Audit.Kept)
	}
	if (s.options.Serving.ForwardingCAFile == "") != (len(s.options.Serving.ForwardingNames) == 0) {
		return errors.New("--forwarding-ca-file and --forwarding-names are given together; name both, or neither")
	}
	return nil
}

func parseMebibytes(text string) (int64, error) {
	count, err := parseCount(text)
	return int64(count) << 20, err
}

func parseCount(text string) (int, error) {
	count, err := strconv.ParseUint(text, 10, 16)
	if err != nil || count == 0 {
		return 0, fmt.Errorf("%q is not a number of 1 to 65535", text)
	}
	return int(count), nil
}
