package follow_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/follow"
)

// step is what one side sends: "> " from the client, "< " from the server.
type step = string

func play(c *follow.Connection, steps []step, pieces func(data string) []string) (events []follow.Event) {
	for _, s := range steps {
		for _, piece := range pieces(s[2:]) {
			if s[0] == '>' {
				events = append(events, c.Sent([]byte(piece))...)
			} else {
				events = append(events, c.Answered([]byte(piece))...)
			}
		}
	}
	return append(events, c.Closed()...)
}

func whole(data string) []string { return []string{data} }
func bytewise(data string) []string {
	return strings.Split(data, "")
}

// shown writes events in short: one line each.
func shown(events []follow.Event) string {
	var lines []string
	for _, e := range events {
		switch e.Kind {
		case follow.Began:
			line := fmt.Sprintf("began %d %s %s %s %s", e.Exchange, e.Protocol, e.Method, e.Authority, e.Path)
			if e.Cut {
				line += " cut"
			}
			lines = append(lines, line)
		case follow.Ended:
			lines = append(lines, fmt.Sprintf("ended %d %d %d %d", e.Exchange, e.Status, e.RequestBytes, e.AnswerBytes))
		case follow.Named:
			lines = append(lines, "named "+e.Authority)
		case follow.Unread:
			lines = append(lines, fmt.Sprintf("unread %s: %s", []string{"requests", "answers"}[e.Side], e.Reason))
		case follow.Open:
			lines = append(lines, fmt.Sprintf("open %d %d", e.Exchange, e.Lasted))
		}
	}
	return strings.Join(lines, "\n")
}

const (
	get = "> GET /a?b HTTP/1.1\r\nHost: h\r\n\r\n"
	ok  = "< HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
)

func table() []struct {
	name  string
	steps []step
	want  []string
} {
	long := strings.Repeat("x", 20000)
	return []struct {
		name  string
		steps []step
		want  []string
	}{
		{"one request", []step{get, ok}, []string{"began 1 HTTP/1.1 GET h /a?b", "ended 1 200 0 2"}},
		{"kept", []step{get, ok, get, ok}, []string{"began 1 HTTP/1.1 GET h /a?b", "ended 1 200 0 2", "began 2 HTTP/1.1 GET h /a?b", "ended 2 200 0 2"}},
		{"pipelined", []step{get + get[2:], ok + ok[2:]}, []string{"began 1 HTTP/1.1 GET h /a?b", "began 2 HTTP/1.1 GET h /a?b", "ended 1 200 0 2", "ended 2 200 0 2"}},
		{"length", []step{"> POST / HTTP/1.1\r\nHost: h\r\ncontent-length: 3\r\n\r\nabc", ok, get, ok}, []string{
			"began 1 HTTP/1.1 POST h /", "ended 1 200 3 2", "began 2 HTTP/1.1 GET h /a?b", "ended 2 200 0 2",
		}},
		{"length twice, equal", []step{"> POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 3, 3\r\n\r\nabc", ok, get, ok}, []string{
			"began 1 HTTP/1.1 POST h /", "ended 1 200 3 2", "began 2 HTTP/1.1 GET h /a?b", "ended 2 200 0 2",
		}},
		{"chunked", []step{"> POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: Chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\nT: v\r\n\r\n", ok, get, ok}, []string{
			"began 1 HTTP/1.1 POST h /", "ended 1 200 23 2", "began 2 HTTP/1.1 GET h /a?b", "ended 2 200 0 2",
		}},
		{"chunked answer", []step{get, "< HTTP/1.1 200\r\ntransfer-encoding: chunked\r\n\r\nA\r\n0123456789\r\n0\r\n\r\n", get, ok}, []string{
			"began 1 HTTP/1.1 GET h /a?b", "ended 1 200 0 20", "began 2 HTTP/1.1 GET h /a?b", "ended 2 200 0 2",
		}},
		{"until the end", []step{get, "< HTTP/1.0 200 OK\r\n\r\nabc\r\n\r\n"}, []string{"began 1 HTTP/1.1 GET h /a?b", "ended 1 200 0 7"}},
		{"HEAD, 204, 304 and 1xx have no body", []step{
			"> HEAD / HTTP/1.1\r\nHost: h\r\n\r\n", "< HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", get, "< HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n",
			get, "< HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 304 Not\r\nContent-Length: 9\r\n\r\n", get, ok,
		}, []string{
			"began 1 HTTP/1.1 HEAD h /", "ended 1 200 0 0", "began 2 HTTP/1.1 GET h /a?b", "ended 2 204 0 0",
			"began 3 HTTP/1.1 GET h /a?b", "ended 3 304 0 0", "began 4 HTTP/1.1 GET h /a?b", "ended 4 200 0 2",
		}},
		{"answered before its body", []step{"> PUT / HTTP/1.1\r\nContent-Length: 4\r\n\r\nab", "< HTTP/1.1 413 X\r\nContent-Length: 0\r\n\r\n", "> cd", get, ok}, []string{
			"began 1 HTTP/1.1 PUT  /", "ended 1 413 2 0", "began 2 HTTP/1.1 GET h /a?b", "ended 2 200 0 2",
		}},
		{"answered before its head", []step{"> GET /slow HTTP/1.1\r\nHo", ok, "> st: h\r\n\r\n", get, ok}, []string{
			"began 1 HTTP/1.1 GET  /slow", "ended 1 200 0 2", "began 2 HTTP/1.1 GET h /a?b", "ended 2 200 0 2",
		}},
		{"answered before its line", []step{"> GET /slow HT", ok, "> TP/1.1\r\n\r\n"}, []string{
			"began 1  GET  /slow", "unread requests: answered before the first line of the request was whole", "ended 1 200 0 2",
		}},
		{"the second is answered before its head", []step{get + "GET /2 HTTP/1.1\r\nX: ", ok + ok[2:], "> y\r\n\r\n"}, []string{
			"began 1 HTTP/1.1 GET h /a?b", "ended 1 200 0 2", "began 2 HTTP/1.1 GET  /2", "ended 2 200 0 2",
		}},
		{"own methods, odd targets, 1.0", []step{"> query ftp://x/#f HTTP/1.0\r\n\r\n", ok, "> OPTIONS * HTTP/1.1\r\n\r\n", ok}, []string{
			"began 1 HTTP/1.0 query  ftp://x/#f", "ended 1 200 0 2", "began 2 HTTP/1.1 OPTIONS  *", "ended 2 200 0 2",
		}},
		{"long lines", []step{("> GET /" + long + " HTTP/1.1\r\nHost: h\r\nX: " + long + "\r\n\r\n"), ok, get, ok}, []string{
			"began 1 HTTP/1.1 GET h /" + long[:follow.MaxPath-1] + " cut", "ended 1 200 0 2", "began 2 HTTP/1.1 GET h /a?b", "ended 2 200 0 2",
		}},
		{"a space in a long target", []step{("> GET /" + long + " HTTP/1.1 " + long + " HTTP/1.1\r\n\r\n"), ok}, []string{
			"began 1  GET  /" + long[:follow.MaxPath-1], "unread requests: not HTTP", "ended 1 200 0 2",
		}},
		{"websocket", []step{"> GET /ws HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", "< HTTP/1.1 101 S\r\nUpgrade: websocket\r\n\r\n\x81\x00", "> \x81\x00"}, []string{
			"began 1 HTTP/1.1 GET h /ws", "ended 1 101 0 0", "unread requests: the protocol changed", "unread answers: the protocol changed",
		}},
		{"an upgrade that is not taken hides no request", []step{"> GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nGET /hidden HTTP/1.1\r\n\r\n", ok + ok[2:]}, []string{
			"began 1 HTTP/1.1 GET  /", "began 2 HTTP/1.1 GET  /hidden", "ended 1 200 0 2", "ended 2 200 0 2",
		}},
		{"CONNECT", []step{"> CONNECT a:1 HTTP/1.1\r\nHost: b:2\r\n\r\n", "< HTTP/1.1 200 OK\r\n\r\n", "> GET / HTTP/1.1\r\n\r\n"}, []string{
			"began 1 HTTP/1.1 CONNECT b:2 a:1", "ended 1 200 0 0", "unread requests: a tunnel", "unread answers: a tunnel",
		}},
		{"CONNECT refused", []step{"> CONNECT a:1 HTTP/1.1\r\nHost: b:2\r\n\r\n", "< HTTP/1.1 405 No\r\nContent-Length: 0\r\n\r\n", get, ok}, []string{
			"began 1 HTTP/1.1 CONNECT b:2 a:1", "ended 1 405 0 0", "began 2 HTTP/1.1 GET h /a?b", "ended 2 200 0 2",
		}},
		{"HTTP/0.9", []step{"> GET /old\r\n", "< text\r\n"}, []string{"began 1 HTTP/0.9 GET  /old", "unread requests: HTTP/0.9", "ended 1 0 0 0", "unread answers: an answer without a status line"}},
		{"SMTP", []step{"< 220 hello\r\n", "> EHLO me\r\n"}, []string{"unread answers: the server speaks first", "unread requests: not HTTP"}},
		{"bytes", []step{"> \x00\x01"}, []string{"unread requests: not HTTP"}},
		{"nothing", nil, []string{""}},
		{"an answer that is unclear ends no reading of requests", []step{get, "< HTTP/1.1 200 OK\r\nbad field\r\n\r\n", get}, []string{
			"began 1 HTTP/1.1 GET h /a?b", "ended 1 200 0 0", "unread answers: a header field that is not one", "began 2 HTTP/1.1 GET h /a?b",
		}},
		{"a coding in an answer of 1.0", []step{get, "< HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"}, []string{
			"began 1 HTTP/1.1 GET h /a?b", "ended 1 200 0 0", "unread answers: an unclear Transfer-Encoding",
		}},
		{"an answer of ICY", []step{get, "< ICY 200 OK\r\n\r\n"}, []string{"began 1 HTTP/1.1 GET h /a?b", "ended 1 0 0 0", "unread answers: an answer without a status line"}},
		{"an answer without a request", []step{get, ok, "< HTTP/1.1 408 Late\r\n\r\n"}, []string{"began 1 HTTP/1.1 GET h /a?b", "ended 1 200 0 2", "unread answers: an answer without a request"}},
		{"closed in the middle", []step{get + get[2:], "< HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"}, []string{
			"began 1 HTTP/1.1 GET h /a?b", "began 2 HTTP/1.1 GET h /a?b", "ended 1 200 0 3", "ended 2 0 0 0",
		}},
	}
}

func TestExchanges(t *testing.T) {
	for _, row := range table() {
		t.Run(row.name, func(t *testing.T) {
			require.Equal(t, strings.Join(row.want, "\n"), shown(play(&follow.Connection{}, row.steps, whole)))
			if row.name != "the second is answered before its head" { // byte by byte, its answer comes no earlier
				require.Equal(t, strings.Join(row.want, "\n"), shown(play(&follow.Connection{}, row.steps, bytewise)), "byte by byte")
			}
		})
	}
}

// What two servers could read in two ways is not read: the request itself is in the record, then that the rest is not.
func TestWhatIsUnclearIsUnread(t *testing.T) {
	const hidden = "GET /hidden HTTP/1.1\r\n\r\n"
	for text, reason := range map[string]string{
		"GET /x HTTP/1.1\n\n": follow.ReasonLineEnd,
		"GET /x HTTP/1.1\r\nA: b\nContent-Length: 24\r\n\r\n":                                    follow.ReasonLineEnd,
		"GET /x HTTP/1.1\r\nA: b\rContent-Length: 24\r\n\r\n":                                    follow.ReasonControl,
		"GET /x HTTP/1.1\r\nA: \x00\r\n\r\n":                                                     follow.ReasonControl,
		"GET /x HTTP/1.1\r\nA: b\r\n Content-Length: 24\r\n\r\n":                                 follow.ReasonFolded,
		"GET /x HTTP/1.1\r\n\tTransfer-Encoding: chunked\r\n\r\n":                                follow.ReasonFolded,
		"GET /x HTTP/1.1\r\nContent-Length : 24\r\n\r\n":                                         follow.ReasonField,
		"GET /x HTTP/1.1\r\nContent-Length\r\n\r\n":                                              follow.ReasonField,
		"GET /x HTTP/1.1\r\n: 24\r\n\r\n":                                                        follow.ReasonField,
		"GET /x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n":                                          follow.ReasonHosts,
		"GET /x HTTP/1.1\r\na[b]: c\r\n\r\n":                                                     follow.ReasonField,
		"GET /x HTTP/1.1\r\nContent-Length: +24\r\n\r\n":                                         follow.ReasonLength,
		"GET /x HTTP/1.1\r\nContent-Length: 0x18\r\n\r\n":                                        follow.ReasonLength,
		"GET /x HTTP/1.1\r\nContent-Length: \r\n\r\n":                                            follow.ReasonLength,
		"GET /x HTTP/1.1\r\nContent-Length: 24, 0\r\n\r\n":                                       follow.ReasonLength,
		"GET /x HTTP/1.1\r\nContent-Length: 24\r\nContent-Length: 0\r\n\r\n":                     follow.ReasonLength,
		"GET /x HTTP/1.1\r\nContent-Length: 9999999999999999999\r\n\r\n":                         follow.ReasonLength,
		"GET /x HTTP/1.1\r\nContent-Length: 24\r\nTransfer-Encoding: chunked\r\n\r\n":            follow.ReasonBoth,
		"GET /x HTTP/1.1\r\nTransfer-Encoding: identity\r\n\r\n":                                 follow.ReasonCoding,
		"GET /x HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n":                                     follow.ReasonCoding,
		"GET /x HTTP/1.1\r\nTransfer-Encoding: chunked, gzip\r\n\r\n":                            follow.ReasonCoding,
		"GET /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n":    follow.ReasonCoding,
		"GET /x HTTP/1.1\r\nTransfer-Encoding: \x0bchunked\r\n\r\n":                              follow.ReasonControl,
		"GET /x HTTP/1.1\r\nTransfer-Encoding: xchunked\r\nTransfer-Encoding:\r\n\r\n":           follow.ReasonCoding,
		"GET /x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n":                                  follow.ReasonCoding,
		"GET /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n":                       follow.ReasonChunk,
		"GET /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n":              follow.ReasonChunk,
		"GET /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n+1\r\na\r\n0\r\n\r\n":              follow.ReasonChunk,
		"GET /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;\na\r\n0\r\n\r\n":                follow.ReasonLineEnd,
		"GET /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n11111111111111111\r\n\r\n":         follow.ReasonChunk,
		"GET /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n100000005\r\nhello\r\n0\r\n\r\n":   follow.ReasonChunk,
		"GET /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n":                     follow.ReasonField,
		"GET /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n c: d\r\n":            follow.ReasonFolded,
		"GET /x HTTP/1.1\r\nContent-Length: 030\r\n\r\n":                                         follow.ReasonLength,
		"GET /x HTTP/1.1\r\nContent_Length: 3\r\n\r\n":                                           follow.ReasonLength,
		"GET /x HTTP/1.1\r\nContent-Length: 24\r\ntransfer_Encoding: chunked\r\n\r\n":            follow.ReasonCoding,
		"CONNECT http://x/x HTTP/1.1\r\nContent-Length: 24\r\n\r\n":                              follow.ReasonConnectBody,
		"GET /x HTTP/1.1 \r\n\r\n":                                                               follow.ReasonNotHTTP,
		"GET /x y HTTP/1.1\r\n\r\n":                                                              follow.ReasonNotHTTP,
		"GET /x\tHTTP/1.1\r\n\r\n":                                                               follow.ReasonOldVersion,
		"GET  /x HTTP/1.1\r\n\r\n":                                                               follow.ReasonNotHTTP,
		"GET /x HTTP/1.2\r\n\r\n":                                                                follow.ReasonNotHTTP,
		"GET /x HTTP/2.0\r\n\r\n":                                                                follow.ReasonNotHTTP,
		"G\u00cbT /x HTTP/1.1\r\n\r\n":                                                           follow.ReasonNotHTTP,
		" GET /x HTTP/1.1\r\n\r\n":                                                               follow.ReasonNotHTTP,
		"GET /x HTTP/1.1\r\nTransfer-Encoding: " + strings.Repeat(" ", 9000) + "chunked\r\n\r\n": follow.ReasonCoding,
	} {
		for _, pieces := range []func(string) []string{whole, bytewise} {
			got := shown(play(&follow.Connection{}, []step{"> " + text + hidden}, pieces))
			require.Contains(t, got, "unread requests: "+reason, "%q", text)
			require.NotContains(t, got, "/hidden", "%q", text)
			if !strings.HasPrefix(text, " ") && !strings.HasPrefix(text, "G\u00cb") && !strings.HasPrefix(text, "GET  ") {
				require.Contains(t, got, "began 1 ", "%q", text)
			}
		}
	}
}

// No line of the record counts the bytes of heads. Of a side that sends more in one, the rest is unread, so that the connection's line counts them.
func TestAHeadHasNoRoomForData(t *testing.T) {
	fill := strings.Repeat("X: "+strings.Repeat("x", 1019)+"\r\n", 1000) // less than the bound, twice is more
	const first, last = "GET /x HTTP/1.1\r\n", "\r\n"
	for name, row := range map[string]struct {
		less, more []step
		unread     string
	}{
		"fields":      {[]step{"> " + first + fill + last}, []step{"> " + first + fill + fill + last}, "requests"},
		"one field":   {[]step{"> " + first + "X: " + strings.ReplaceAll(fill, "\r\n", "")}, []step{"> " + first + "X: " + strings.ReplaceAll(fill+fill, "\r\n", "")}, "requests"},
		"empty lines": {[]step{"> " + strings.Repeat(last, 1000)}, []step{"> " + strings.Repeat(last, 1<<20)}, "requests"},
		"trailers": {
			[]step{"> POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("1\r\na\r\n", 1<<18) + "0\r\n" + fill + last},
			[]step{"> POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + fill + fill + last}, "requests",
		},
		"1xx":          {[]step{get, "< HTTP/1.1 103 E\r\n" + fill + last}, []step{get, "< " + strings.Repeat("HTTP/1.1 103 E\r\n"+fill+last, 2)}, "answers"},
		"each its own": {[]step{"> " + strings.Repeat(first+fill+last, 4), strings.Repeat("< HTTP/1.1 200 OK\r\n"+fill+"Content-Length: 0\r\n\r\n", 1)}, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			require.NotContains(t, shown(play(&follow.Connection{}, row.less, whole)), "unread")
			if row.more != nil {
				got := shown(play(&follow.Connection{}, row.more, whole))
				require.Contains(t, got, "unread "+row.unread)
			}
		})
	}
}

// An answer never passes before the request is reported that it may be the answer to.
func TestNoAnswerPassesBeforeItsRequestIsReported(t *testing.T) {
	request := "GET /secret HTTP/1.1\r\nHost: h\r\nX: y\r\n\r\n"
	for end := len("GET /secret"); end <= len(request); end++ {
		for _, answer := range []string{ok[2:], "x", "HTTP/1.1 408 Late\r\n\r\n"} {
			c := &follow.Connection{}
			events := append(c.Sent([]byte(request[:end])), c.Answered([]byte(answer))...)
			require.Equal(t, follow.Began, events[0].Kind, "%q", request[:end])
			require.Equal(t, "/secret", events[0].Path)
		}
	}
	// Also behind answers that are unread.
	c := &follow.Connection{}
	c.Sent([]byte(request))
	c.Answered([]byte("nonsense\r\n\r\n"))
	require.Empty(t, c.Sent([]byte("GET /second HTTP/1.1\r\nHost: h\r\n")))
	require.Equal(t, "began 2 HTTP/1.1 GET h /second", shown(c.Answered([]byte("x"))))
	// Also within the bytes that make them unread.
	c = &follow.Connection{}
	c.Sent([]byte(request + "GET /second HTTP/1.1\r\n"))
	require.Contains(t, shown(c.Answered([]byte("nonsense\r\n\r\nmore"))), "began 2 HTTP/1.1 GET  /second")
}

func TestMoreRequestsThanAreRememberedAreReportedAllTheSame(t *testing.T) {
	const many = 1000
	c := &follow.Connection{}
	events := c.Sent([]byte(strings.Repeat(get[2:], many)))
	began := 0
	for _, e := range events {
		if e.Kind == follow.Began {
			began++
		}
	}
	require.Equal(t, many, began)
	require.Contains(t, shown(events), "unread answers: too many requests wait for answers")
}
