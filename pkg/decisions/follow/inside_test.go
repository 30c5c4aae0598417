package follow_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/follow"
)

// A server that does not read bodies takes the beginning of a body for the next request.
func TestABodyThatBeginsLikeARequestIsUnread(t *testing.T) {
	long := strings.Repeat("x", 20000)
	for body, unread := range map[string]bool{
		"GET /hidden HTTP/1.1\r\nHost: h\r\n\r\n":                 true,
		"\r\n\r\nGET /hidden HTTP/1.1\r\n\r\n":                    true,
		"\xa0\tGET\xa0/hidden\x1cHTTP/1.1\n":                      true,
		"own-Method  hidden\thttp/1\n":                            true,
		"GET /hidden with spaces HTTP/1.0\n":                      true,
		"GET /hidden HTTP/1.1 and more\r\n":                       true,
		"GET /hidden HTTP/1.1\rHost: h\r\r":                       true,
		"GET hidden\n":                                            true, // HTTP/0.9
		"GET /hidden?":                                            true, // the next request goes on with the line
		"GET /hidden HTTP/1.1":                                    true,
		"GET /" + long + " HTTP/1.1\r\n\r\n":                      true,
		"GET /hidden" + strings.Repeat(" ", 20000):                true,
		"GET" + strings.Repeat(" ", 20000) + "/hidden HTTP/1.1\n": true,
		"PUT hidden" + strings.Repeat("\t", 20000) + "HTTP/1.1\n": true,
		"GET" + strings.Repeat(" ", 80000) + "/hidden HTTP/1.1\n": true, // longer than is read

		"":                                       false,
		"\r\n":                                   false,
		"\x00\xff\xfe":                           false,
		"a=b&c=d":                                false,
		"{\"GET\": \"/x HTTP/1.1\"}\n":           false,
		"hello":                                  false,
		"hello world\nGET / HTTP/1.1\r\n\r\n":    false, // a limit: docs/record.md
		"SELECT /* all */ * FROM t":              false,
		"SELECT /* all */ * FROM t\n":            false,
		"get /x\n":                               false,
		"192.0.2.1 - - \"GET / HTTP/1.1\" 200\n": false,
		"Nov 30 10:00:00 host server: GET / HTTP/1.1 200\n":       false,
		"--boundary\r\nContent-Type: application/http\r\n\r\nGET": false,
		"# HELP y\nx 1\n": false,
		long:              false,
	} {
		want := "began 1 HTTP/1.1 PUT  /outer\n"
		for framed, message := range map[string]string{
			"length": fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body),
			"chunks": fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x;a=b\r\n%s\r\n0\r\n\r\n", len(body), body),
		} {
			if body == "" && framed == "chunks" {
				continue
			}
			for _, pieces := range []func(string) []string{whole, bytewise} {
				got := shown(play(&follow.Connection{}, []step{"> PUT /outer HTTP/1.1\r\n" + message + get[2:]}, pieces))
				require.True(t, strings.HasPrefix(got, want), got)
				require.Equal(t, unread, strings.Contains(got, "unread requests: "+follow.ReasonInside), "%q in %s: %s", body, framed, got)
				require.Equal(t, !unread, strings.Contains(got, "began 2 HTTP/1.1 GET h /a?b"), "%q in %s: %s", body, framed, got)
			}
		}
	}
}
