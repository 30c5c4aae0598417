package agentapi_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/values/agentapi"
)

func TestAQuestionNamesTheFlagThatIsWrong(t *testing.T) {
	for name, test := range map[string]struct{ from, to, protocol, port, want string }{
		"no address":       {"here", "192.0.2.1", "tcp", "80", `--from="here"`},
		"a zone":           {"fe80::1%eth0", "2001:db8::1", "tcp", "80", "--from="},
		"two families":     {"192.0.2.1", "2001:db8::1", "tcp", "80", "one is IPv4"},
		"no protocol":      {"192.0.2.1", "192.0.2.2", "TCP", "80", `--protocol="TCP"`},
		"no port":          {"192.0.2.1", "192.0.2.2", "udp", "", `--port=""`},
		"port 0":           {"192.0.2.1", "192.0.2.2", "udp", "0", `--port="0"`},
		"too great":        {"192.0.2.1", "192.0.2.2", "sctp", "65536", `--port="65536"`},
		"icmp has none":    {"192.0.2.1", "192.0.2.2", "icmp", "", ""},
		"v4 in v6 clothes": {"::ffff:192.0.2.1", "192.0.2.2", "tcp", "80", ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := agentapi.ParseQuestion(map[string][]string{"from": {test.from}, "to": {test.to}, "protocol": {test.protocol}, "port": {test.port}})
			if test.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, test.want)
		})
	}
}
