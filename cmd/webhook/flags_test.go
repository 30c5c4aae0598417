package main

import (
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/admit"
	"data-space.liqo.io/pkg/programs/cli"
	"data-space.liqo.io/pkg/programs/webhook"
)

func TestAnImageIsAllThatMustBeSaid(t *testing.T) {
	s, err := parse([]string{"--envoy-image=docker.io/data-spacer/envoy:dev"})
	require.NoError(t, err)
	require.Equal(t, "docker.io/data-spacer/envoy:dev", s.options.Proxy.Image)
	require.Zero(t, s.options.Grants)
	require.Equal(t, []string{"data-space-webhook.data-spacer.svc"}, s.options.DNSNames)
	require.Equal(t, webhook.CertSelf, s.options.CertSource)
	require.Equal(t, 9443, s.options.Port)
	require.Equal(t, "64Mi", s.options.Proxy.Requests.Memory().String())
}

func TestEverySettingIsRead(t *testing.T) {
	s, err := parse([]string{
		"--envoy-image=envoy", "--kubeconfig=/k", "--log-level=debug", "--cert-dir=/c", "--cert-source=files", "--port=1",
		"--dns-names=a.b,localhost", "--metrics-bind-address=0", "--health-bind-address=127.0.0.1:1",
		"--proxy-requests=cpu=1", "--proxy-limits=", "--pod-security=restricted", "--runtime-classes=a", "--devices=vendor.example/gpu",
		"--ingress-classes=b,c", "--endpoint-networks=203.0.113.0/24",
		"--storage-classes=d", "--priority-classes=e", "--tolerations=node.kubernetes.io/unschedulable", "--guest-namespace-pattern=.+-{guest}",
		"--cluster-domain=hospital.internal", "--api-output=closed", "--drain-time=3s",
	})
	require.NoError(t, err)
	require.Equal(t, "/k", s.kubeconfig)
	require.Equal(t, "DEBUG", s.log.Level.String())
	require.Equal(t, webhook.CertFiles, s.options.CertSource)
	require.Equal(t, []string{"a.b", "localhost"}, s.options.DNSNames)
	require.Equal(t, "0", s.options.MetricsAddress)
	require.Equal(t, "127.0.0.1:1", s.options.HealthAddress)
	require.Equal(t, 1, s.options.Port)
	require.Len(t, s.options.Proxy.Requests, 1)
	require.Empty(t, s.options.Proxy.Limits)
	require.Equal(t, admit.Settings{
		PodSecurity: admit.Restricted, RuntimeClasses: []string{"a"}, Devices: []string{"vendor.example/gpu"},
		IngressClasses: []string{"b", "c"}, EndpointNetworks: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")},
		StorageClasses: []string{"d"}, PriorityClasses: []string{"e"}, Tolerations: []string{"node.kubernetes.io/unschedulable"},
	}, s.options.Grants)
	require.Equal(t, []string{"e"}, s.options.Proxy.PriorityClasses)
	require.Equal(t, 3*time.Second, s.options.Drain)
	require.Equal(t, webhook.OutputClosed, s.options.APIOutput)
	require.Equal(t, admit.SpaceNames{ClusterDomain: "hospital.internal", Pattern: ".+-{guest}"}, s.options.Spaces)
}

func TestAWrongSettingIsNamedWithTheWayOut(t *testing.T) {
	for argument, message := range map[string]string{
		"--envoy-image=UPPER":          "for \"--envoy-image\" flag: \"UPPER\" is not an image reference; write it as",
		"--envoy-image=":               "for \"--envoy-image\" flag: no image given; name one as",
		"--proxy-requests=disk=1":      "for \"--proxy-requests\" flag: \"disk=1\" is not cpu=QUANTITY or memory=QUANTITY; write for example",
		"--proxy-requests=memory=1Gi":  "--proxy-requests and --proxy-limits: the request memory=1Gi is above the limit 256Mi; lower",
		"--proxy-limits=cpu=0":         "for \"--proxy-limits\" flag: \"0\" is not a quantity above zero; write for example",
		"--cert-source=vault":          "for \"--cert-source\" flag: \"vault\" is unknown; use self, or files",
		"--cert-dir=":                  "--cert-dir is empty; name a directory",
		"--proxy-limits=memory=100Mi":  "--proxy-limits: the limit memory=100Mi is below 256Mi, with which the proxy does not work; raise it",
		"--drain-time=1m":              "for \"--drain-time\" flag: \"1m\" is not a time of 0s to 25s",
		"--port=0":                     "for \"--port\" flag: \"0\" is not a port; use 1 to 65535",
		"--dns-names=a_b":              "for \"--dns-names\" flag: \"a_b\" is not a DNS name",
		"--metrics-bind-address=x":     "for \"--metrics-bind-address\" flag: \"x\" is not host:port; write for example :8080",
		"--health-bind-address=:99999": "for \"--health-bind-address\" flag: \"99999\" is not a port; use 1 to 65535",
		"--pod-security=privileged":    "for \"--pod-security\" flag: \"privileged\" is no level for foreign pods; use baseline or restricted",
		"--runtime-classes=A":          "for \"--runtime-classes\" flag: \"A\" is not a name",
		"--devices=gpu":                "for \"--devices\" flag: \"gpu\" is not an extended resource; write for example",
		"--endpoint-networks=10":       "for \"--endpoint-networks\" flag: \"10\" is not a network; write for example",
		"--tolerations=a b":            "for \"--tolerations\" flag: \"a b\" is not the key of a taint",
		"--guest-namespace-pattern=(":  "for \"--guest-namespace-pattern\" flag: \"(\" is not a regular expression",
		"--api-output=open":            "for \"--api-output\" flag: \"open\" is unknown; use allowed, or closed",
		"--cluster-domain=a_b":         "for \"--cluster-domain\" flag: \"a_b\" is not a DNS name",
		"--log-level=loud":             "for \"--log-level\" flag",
		"--unknown":                    "unknown flag: --unknown",
	} {
		_, err := parse([]string{"--envoy-image=envoy", argument})
		require.ErrorContains(t, err, message, argument)
	}
	_, err := parse(nil)
	require.EqualError(t, err, "--envoy-image is missing; name the proxy's container image")
}

func TestACallThatIsWrongEndsWithTwoAndHelpWithZero(t *testing.T) {
	var printed strings.Builder
	require.Equal(t, 2, cli.Run(t.Context(), command(), nil, io.Discard, &printed))
	require.Equal(t, "webhook: --envoy-image is missing; name the proxy's container image\n", printed.String())
	printed.Reset()
	require.Equal(t, 0, cli.Run(t.Context(), command(), []string{"--help"}, &printed, io.Discard))
	require.Contains(t, printed.String(), " --envoy-image")
}

// parse returns the settings of a command line.
func parse(args []string) (settings, error) {
	var s settings
	f := pflag.NewFlagSet("webhook", pflag.ContinueOnError)
	s.flags(f)
	if err := f.Parse(args); err != nil {
		return s, err
	}
	return s, s.check()
}
