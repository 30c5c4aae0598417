package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/resolver"
	"data-space.liqo.io/pkg/programs/cli"
)

func TestABadCommandLineIsOneMessageThatNamesTheFlag(t *testing.T) {
	for flag, want := range map[string]string{
		"--cluster-dns=kube-dns":               "\"--cluster-dns\" flag: \"kube-dns\" is not an IP address; write for example 10.96.0.10",
		"--cluster-dns=127.0.0.1":              "--cluster-dns",
		"--cluster-dns=192.0.2.1,192.0.2.1":    "Duplicate value",
		"--cluster-dns=192.0.2.1":              "--dns-pod-labels: names are to be answered by another DNS than our resolver, so name its pods too",
		"--dns-service=kube-dns":               "--dns-pod-labels",
		"--dns-forward-domains=.":              "--dns-forward-domains and --dns-queries-per-second: forward[0]",
		"--dns-forward-domains=a.example=b":    `"--dns-forward-domains" flag: "b" is not an IP address; write for example example.org=198.51.100.53,example.com`,
		"--dns-forward-domains=cluster.local":  "overlaps with cluster.local",
		"--cluster-domain=*":                   "\"--cluster-domain\" flag: a lowercase RFC 1123 subdomain",
		"--dns-namespace=Kube":                 "\"--dns-namespace\" flag: a lowercase RFC 1123 label",
		"--dns-service=":                       "-dns-service",
		"--dns-pod-labels=":                    "\"--dns-pod-labels\" flag: write key=value",
		"--dns-pod-labels=a in (b)":            "\"--dns-pod-labels\" flag: write key=value",
		"--ipv6=perhaps":                       "-ipv6",
		"--agent-lease-duration=1s":            "\"--agent-lease-duration\" flag: \"1s\" is not a duration of at least 2s",
		"--startup-taint=data-space.liqo.io/x": "\"--startup-taint\" flag: \"data-space.liqo.io/x\" has no effect; write for example data-space.liqo.io/agent-not-ready:NoSchedule",
		"--startup-taint=x:NoSchedule":         "must begin with data-space.liqo.io/",
		"--startup-taint= :NoSchedule":         "is not key[=value]:effect",
		"--protocol-detection-timeout=1h":      "--protocol-detection-timeout: protocolDetection: Invalid value: \"1h0m0s\": choose a duration from 10ms to 30s",
		"--protocol-detection-timeout=0s":      "\"--protocol-detection-timeout\" flag: \"0s\" is not a duration above zero",
		"--protocol-detection-timeout=quickly": "-protocol-detection-timeout",
		"--server-first-ports=ssh":             "\"--server-first-ports\" flag: \"ssh\" is not a port; write for example 22,25,3306, or none",
		"--max-connections=0":                  "\"--max-connections\" flag: \"0\" is not a number above zero; write for example 1024",
		"--closed-networks=10.0.0.1/8":         "\"--closed-networks\" flag: \"10.0.0.1/8\" is not a network; write the network's own address",
		"--opaque-ports=http":                  "\"--opaque-ports\" flag: \"http\" is not a port",
		"--opaque-ports=13031":                 "opaquePorts[0]: Invalid value: 13031: is DNS's or the proxy's own",
		"--metrics-bind-address=8443":          "\"--metrics-bind-address\" flag: \"8443\" is not host:port; write for example :8081, or 0 for none",
		"--health-bind-address=:http":          "\"--health-bind-address\" flag: \"http\" is not a port; use 1 to 65535",
		"--workload-netpol=some":               "\"--workload-netpol\" flag: \"some\" is not one of off, labelled, all",
		"--workload-netpol-mode=enforce":       "\"--workload-netpol-mode\" flag: \"enforce\" is not one of Enforce, Audit",
		"--workload-dns-labels=a":              "\"--workload-dns-labels\" flag: write key=value",
		"--workload-dns-cache=x":               "\"--workload-dns-cache\" flag: \"x\" is not an IP address",
		"--log-level=loud":                     "-log-level",
		"--colour=blue":                        "-colour",
		"now":                                  `unexpected argument "now"; controller takes flags only, see controller --help`,
	} {
		t.Run(flag, func(t *testing.T) {
			var out bytes.Buffer
			require.Equal(t, 2, run(t, &out, flag))
			require.Contains(t, out.String(), want)
			require.Equal(t, 1, strings.Count(out.String(), "\n"), out.String())
		})
	}
}

func TestHelpListsTheFlagsAndIsNoError(t *testing.T) {
	var out bytes.Buffer
	require.Zero(t, run(t, &out, "--help"))
	for _, flag := range []string{
		"-agent-lease-duration", "-startup-taint", "-kubeconfig", "-cluster-dns", "-cluster-domain", "-guest-namespace-pattern", "-dns-forward-domains", "-dns-service", "-dns-namespace", "-dns-pod-labels", "-ipv6", "-protocol-detection-timeout", "-server-first-ports", "-max-connections", "-opaque-ports", "-closed-networks",
		"-leader-elect", "-metrics-bind-address", "-health-bind-address", "-log-level", "-v",
	} {
		require.Contains(t, out.String(), flag)
	}
}

func TestFlagsArriveWhereTheyBelong(t *testing.T) {
	s, err := parse([]string{
		"--kubeconfig=k", "--cluster-dns=192.0.2.1, 2001:db8::1", "--dns-service=s", "--dns-namespace=n", "--dns-pod-labels=a=b,c=d",
		"--ipv6=false", "--protocol-detection-timeout=1s", "--server-first-ports=22, 25", "--max-connections=2048", "--opaque-ports=3128, 8081", "--closed-networks=10.3.0.0/16, fd00::/64", "--leader-elect", "--metrics-bind-address=0", "--health-bind-address=[::1]:81", "-v",
	})
	require.NoError(t, err)
	require.Equal(t, "k", s.kubeconfig)
	require.EqualValues(t, -4, s.log.Level)
	require.Len(t, s.config.ClusterDNS, 2)
	require.Equal(t, "s", s.config.DNSService)
	require.Equal(t, "n", s.config.DNS.Namespace)
	require.Equal(t, map[string]string{"a": "b", "c": "d"}, s.config.DNS.PodLabels)
	require.False(t, s.config.IPv6)
	require.Equal(t, time.Second, s.config.ProtocolDetection)
	require.Equal(t, []uint16{22, 25}, s.config.ServerFirstPorts)
	require.EqualValues(t, 2048, s.config.MaxConnections)
	require.Equal(t, []uint16{3128, 8081}, s.config.OpaquePorts)
	require.True(t, s.config.LeaderElect)
	require.Equal(t, "0", s.config.MetricsBindAddress)
	require.Equal(t, "[::1]:81", s.config.HealthBindAddress)
}

func TestFlagsOfWorkloadsArriveWhereTheyBelong(t *testing.T) {
	s, err := parse(nil)
	require.NoError(t, err)
	require.False(t, s.workloads.Enabled)
	require.True(t, s.workloads.Excluded["kube-system"])
	require.False(t, s.workloads.Narrowed("study", map[string]string{"liqo.io/remote-cluster-id": "p", "data-space/workload-netpol": "true"}), "it is off")

	s, err = parse([]string{
		"--workload-netpol=all", "--workload-netpol-mode=Audit", "--workload-netpol-exclude=a, b", "--workload-dns-cache=192.0.2.1",
		"--workload-dns-labels=a=b", "--workload-ingress-controllers=none",
	})
	require.NoError(t, err)
	c := s.workloads
	require.True(t, c.Enabled && c.All)
	require.EqualValues(t, "Audit", c.Mode)
	require.Equal(t, map[string]bool{"a": true, "b": true}, c.Excluded)
	require.Len(t, c.LocalDNS, 1)
	require.Equal(t, map[string]string{"a": "b"}, c.DNS[0].Labels)
	require.Empty(t, c.IngressControllers)
}

func TestDomainsOutsideAreReadWithTheirServers(t *testing.T) {
	s, err := parse([]string{"--cluster-domain=hospital.internal.", "--dns-queries-per-second=50", "--dns-forward-domains=a.example=192.0.2.1, b.example., a.example=2001:db8::1"})
	require.NoError(t, err)
	require.Equal(t, resolver.Settings{ClusterDomain: "hospital.internal", QueriesPerSecond: 50, Forward: []resolver.Domain{
		{Name: "a.example", Servers: []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")}},
		{Name: "b.example"},
	}}, s.config.Resolver)

	_, err = parse([]string{"--dns-forward-domains=a.example,a.example=192.0.2.1"})
	require.ErrorContains(t, err, "Duplicate value", "with and without a server is no answer to who is asked")
}

func TestDomainsOutsideAreRefusedWhereTheResolverIsNotUsed(t *testing.T) {
	_, err := parse([]string{"--cluster-dns=192.0.2.1", "--dns-pod-labels=a=b", "--dns-forward-domains=a.example"})
	require.ErrorContains(t, err, "leave it out")
}

func TestARefusedKubeconfigIsOneMessageThatNamesTheFile(t *testing.T) {
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = w.Write([]byte(`{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Unauthorized","message":"Unauthorized","code":401}`))
	}))
	defer refusing.Close()
	gone := httptest.NewServer(nil)
	gone.Close()
	for name, test := range map[string]struct {
		content, want string
		status        int
	}{
		"refused":     {kubeconfig(refusing.URL), "does not accept the credentials", 1},
		"unreachable": {kubeconfig(gone.URL), "connection refused", 1},
		"not YAML":    {"{", "name a kubeconfig file that can be read", 2},
		"empty":       {"", "name a kubeconfig file that can be read", 2},
		"not there":   {"-", "no such file or directory; name a kubeconfig file that can be read", 2},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "kubeconfig")
			if test.content != "-" {
				require.NoError(t, os.WriteFile(file, []byte(test.content), 0o600))
			}
			var out bytes.Buffer
			require.Equal(t, test.status, run(t, &out, "--kubeconfig="+file))
			require.Contains(t, out.String(), file)
			require.Contains(t, out.String(), test.want)
			require.Equal(t, 1, strings.Count(out.String(), "\n"), out.String())
		})
	}
}

func TestOutsideOfAPodAKubeconfigIsNeeded(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	var out bytes.Buffer
	require.Equal(t, 2, run(t, &out))
	require.Contains(t, out.String(), "--kubeconfig: none given, and this is no pod")
}

// run returns the exit status of a call; out gets all that is printed.
func run(t *testing.T, out io.Writer, args ...string) int {
	t.Helper()
	return cli.Run(t.Context(), command(), args, out, out)
}

// parse returns the settings of a command line.
func parse(args []string) (settings, error) {
	var s settings
	f := pflag.NewFlagSet("controller", pflag.ContinueOnError)
	s.flags(f)
	if err := f.Parse(args); err != nil {
		return s, err
	}
	return s, s.config.Validate()
}

func kubeconfig(server string) string {
	return `apiVersion: v1
kind: Config
current-context: c
contexts: [{name: c, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: "` + server + `"}}]
users: [{name: u, user: {token: secret}}]
`
}
