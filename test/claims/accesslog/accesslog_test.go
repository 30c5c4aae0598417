package accesslog

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseKeepsOnlyAccessLogLines(t *testing.T) {
	log := `[2026-01-01 00:00:00.000][1][info][main] starting
{"direction":"egress","kind":"http","method":"GET","path":"/patients/3","response_code":200,"bytes_sent":98,"upstream_host":"192.0.2.20:80","original_destination":"192.0.2.20:80","sni":null}
{"level":"info","message":"not an access log"}
{"direction":"egress","kind":"dns","method":null,"path":null,"response_code":0}
{"direction":"ingress" cut off
`
	require.Equal(t, []Entry{
		{Direction: "egress", Kind: "http", Method: "GET", Path: "/patients/3", Code: 200, BytesSent: 98,
			UpstreamHost: "192.0.2.20:80", OriginalDestination: "192.0.2.20:80"},
		{Direction: "egress", Kind: "dns"},
	}, Parse(log))
}

func TestTheEndOfARequestMayStandBeforeItsBeginning(t *testing.T) {
	log := `E 3.1764435600123456 200 - via_upstream 0 98 1 80 192.0.2.20:80
{"event":"config","level":"debug","text":"Created the filter state 'begin' from value '3.1764435600123456\negress\nhttp\nHTTP/1.1\n192.0.2.1:5\n192.0.2.20:80\nGET\nhospital\n/patients/3'"}
`
	require.Equal(t, []Entry{{Event: "DownstreamEnd", Direction: "egress", Kind: "http", Method: "GET", Path: "/patients/3", Code: 200, Flags: "-", BytesSent: 98,
		UpstreamHost: "192.0.2.20:80", OriginalDestination: "192.0.2.20:80"}}, Parse(log))
}
