//go:build kernel

package envoy

import (
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"

	"data-space.liqo.io/pkg/values/apis"
)

// names answers A and AAAA queries as the cluster's DNS would.
func names(records map[string][]string) func([]byte) []byte {
	return func(query []byte) []byte {
		var message dnsmessage.Message
		if message.Unpack(query) != nil || len(message.Questions) != 1 {
			return nil
		}
		question := message.Questions[0]
		message.Response, message.Additionals = true, nil
		addresses, known := records[question.Name.String()]
		if !known {
			message.RCode = dnsmessage.RCodeNameError
		}
		for _, address := range addresses {
			ip := net.ParseIP(address)
			header := dnsmessage.ResourceHeader{Name: question.Name, Class: dnsmessage.ClassINET, TTL: 5}
			switch {
			case ip.To4() != nil && question.Type == dnsmessage.TypeA:
				message.Answers = append(message.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AResource{A: [4]byte(ip.To4())}})
			case ip.To4() == nil && question.Type == dnsmessage.TypeAAAA:
				message.Answers = append(message.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AAAAResource{AAAA: [16]byte(ip)}})
			}
		}
		packed, err := message.Pack()
		if err != nil {
			return nil
		}
		return packed
	}
}

func TestTheExplicitProxyForwards(t *testing.T) {
	w := newWorld(t, settings())
	w.resolver(t, names(map[string][]string{"hospital4.example.": {peer4}, "hospital6.example.": {peer6}}))
	for _, f := range families() {
		t.Run(f.name, func(t *testing.T) {
			got := w.record(t, w.peer, f.peer)
			name := "hospital4.example"
			if f.peer == peer6 {
				name = "hospital6.example"
			}
			for _, authority := range []string{name + ":8080", net.JoinHostPort(f.peer, "8080")} {
				answer := w.exchange(t, w.pod, f.loopback, 13032, "GET http://"+authority+"/named HTTP/1.1\r\nHost: "+authority+"\r\n\r\n")
				require.Contains(t, answer, "299 Quite Fine")
				require.Contains(t, take(t, got).head, "GET /named HTTP/1.1\r\nHost: "+authority+"\r\n")
				line := w.logged(t, func(l map[string]any) bool { return l["path"] == "/named" && l["authority"] == authority })
				require.Equal(t, "http-proxy", line["kind"])
				require.Equal(t, net.JoinHostPort(f.peer, "8080"), line["upstream_host"])
				if authority == name+":8080" {
					require.Contains(t, w.stderr.String(), fmt.Sprintf("host '%s' address has changed from <empty> to %s", authority, net.JoinHostPort(f.peer, "8080")),
						"the address that was found is written before the proxy connects to it")
				}

				c := w.connection(t, w.pod, "tcp", f.loopback, 13032)
				fmt.Fprintf(c, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n", authority, authority)
				require.Contains(t, readResponse(t, c), "200 OK")
				fmt.Fprint(c, "GET /tunnel HTTP/1.1\r\nHost: h\r\n\r\n")
				require.Contains(t, readResponse(t, c), "299 Quite Fine")
				take(t, got)
			}
		})
	}
}

func TestTheExplicitProxyRefusesThePodItself(t *testing.T) {
	w := newWorld(t, settings())
	w.resolver(t, names(map[string][]string{
		"evil4.example.": {"127.0.0.1"}, "evil6.example.": {"::1"}, "zero.example.": {"0.0.0.0"},
		"ingress.example.": {apis.IngressSourceV4().String(), apis.IngressSourceV6().String()}, "self.example.": {pod4, pod6},
	}))
	app := w.record(t, w.pod, "127.0.0.1")
	app6 := w.record(t, w.pod, "::1")
	for _, authority := range []string{
		"127.0.0.1:8080", "127.0.0.1:13041", "127.0.0.6:8080", "127.1.2.3:8080", "localhost:8080", "LOCALHOST.:8080", "a.localhost:8080",
		"[::1]:8080", "[::1]:13031", "[0:0:0:0:0:0:0:1]:8080", "[::]:8080", "0.0.0.0:8080", "[::ffff:127.0.0.1]:8080", "[::ffff:7f00:1]:8080",
		apis.IngressSourceV4().String() + ":8080", "[" + apis.IngressSourceV6().String() + "]:8080", "[::ffff:" + apis.IngressSourceV4().String() + "]:8080",
		"ingress.example:8080", "evil4.example:8080", "evil6.example:8080", "zero.example:8080", "evil4.example:13032",
		"self.example:13041", "self.example:13031", pod4 + ":13041", pod4 + ":13043", "[" + pod6 + "]:13041", peer4 + ":13041",
		peer4 + ":53", dns4 + ":53",
	} {
		for _, request := range []string{
			"GET http://%s/x HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n",
			"CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n",
		} {
			answer := w.exchange(t, w.pod, "127.0.0.1", 13032, fmt.Sprintf(request, authority, authority))
			require.Contains(t, answer, "403 Forbidden", "%q %s", request, authority)
		}
	}
	require.Empty(t, app)
	require.Empty(t, app6)
	line := w.logged(t, func(l map[string]any) bool { return l["response_code"] == 403.0 })
	require.Contains(t, line["response_code_details"], "rbac_access_denied")
}

func TestOnlyTheReadinessPathAnswers(t *testing.T) {
	w := newWorld(t, settings())
	for _, f := range families() {
		t.Run(f.name, func(t *testing.T) {
			for path, code := range map[string]int{"/ready": 200, "/": 404, "/ready/": 404, "/stats": 404} {
				response, err := w.client(w.peer, false).Get("http://" + net.JoinHostPort(f.pod, "13043") + path)
				require.NoError(t, err)
				body, err := io.ReadAll(response.Body)
				require.NoError(t, err)
				require.NoError(t, response.Body.Close())
				require.Equal(t, code, response.StatusCode, path)
				require.Empty(t, body)
				require.Empty(t, response.Header.Get("Server"))
			}
		})
	}
	require.Empty(t, w.log(t), "probes are not logged")
}
