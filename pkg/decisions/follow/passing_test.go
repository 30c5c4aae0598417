package follow

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func passing() *Passing {
	return &Passing{About: About{Connection: 7, Direction: "egress", Caller: "192.0.2.1:5", Destination: "192.0.2.9:80"}}
}

// A defect of the reader leaves bytes as they are, and is in the record.
func TestADefectOfTheReaderIsALine(t *testing.T) {
	for side, feed := range map[Side]string{Requests: "\x00\x00\x01\x01\x00\x00\x00\x00\x01x", Answers: "\x00\x00\x01\x01\x00\x00\x00\x00\x01x"} {
		p := passing()
		p.read = Connection{known: true, two: &two{sides: [2]frames{{begun: true}, {begun: true}}}} // has no tables, without which nothing can be read
		lines := p.Pass(1, side, []byte(feed))
		require.Equal(t, 1, strings.Count(string(lines.Begins), ReasonDefect))
		require.True(t, p.Done(Requests))
		require.True(t, p.Done(Answers))
		require.Equal(t, carriesTCP, p.Carries)
		require.True(t, p.Close(2).None())
	}
}

// Python's http.server acts on a request whose head ends with the connection. No answer needs to come: the client leaves before.
func TestARequestThatEndsWithTheConnectionIsInTheRecord(t *testing.T) {
	const get, ok = "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
	for last, row := range map[string]struct {
		carries string
		lines   []string
	}{
		"":                                 {carriesHTTP, nil},
		"GET /act HTTP/1.1\r\nHost: h\r\n": {carriesHTTP, []string{`"path":"/act"`}},
		"GET /act HTTP/1.1\r\nX: " + strings.Repeat("x", 1<<15): {carriesHTTP, []string{`"path":"/act"`}},
		"GET /act":                 {carriesTCP, []string{`"path":"/act"`, ReasonEnded}},
		strings.Repeat("x", 1<<19): {carriesTCP, []string{ReasonNotHTTP}},
	} {
		for _, end := range []func(p *Passing) Lines{func(p *Passing) Lines { return p.End(3) }, func(p *Passing) Lines { return p.Close(3) }} {
			p := passing()
			p.Pass(1, Requests, []byte(get))
			p.Pass(2, Answers, []byte(ok))
			require.True(t, p.Pass(3, Requests, []byte(last)).None(), "%.40q", last)
			lines := string(end(p).Begins)
			require.Equal(t, len(row.lines), strings.Count(lines, "\n"), "%.40q", last)
			for _, want := range row.lines {
				require.Contains(t, lines, want, "%.40q", last)
			}
			require.Equal(t, row.carries, p.Carries, "%.40q", last)
			require.Empty(t, p.Close(4).Begins, "%.40q", last)
		}
	}
}

// Bytes that no line of a request counts have the connection's line count them.
func TestWhatNoRequestCountsIsCountedOfTheConnection(t *testing.T) {
	const get, ok = "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
	fields := strings.Repeat("X: "+strings.Repeat("x", 1000)+"\r\n", 200)
	frame := func(kind byte, size int) string {
		return string([]byte{byte(size >> 16), byte(size >> 8), byte(size), kind, 0, 0, 0, 0, 0}) + strings.Repeat("\x00", size)
	}
	two := prefaceLine + "\r\n" + prefaceRest + frame(frameSettings, 0) + "\x00\x00\x03\x01\x05\x00\x00\x00\x01\x82\x84\x86"
	answer := frame(frameSettings, 0) + "\x00\x00\x01\x01\x05\x00\x00\x00\x01\x88"
	for name, row := range map[string]struct{ sent, answered, carries string }{
		"a body":                          {"POST / HTTP/1.1\r\nContent-Length: 400000\r\n\r\n" + strings.Repeat("x", 400000), ok, carriesHTTP},
		"the body of an answer":           {get, "HTTP/1.1 200 OK\r\nContent-Length: 400000\r\n\r\n" + strings.Repeat("x", 400000), carriesHTTP},
		"many requests":                   {strings.Repeat(get, 200), strings.Repeat(ok, 200), carriesHTTP},
		"fields":                          {"GET / HTTP/1.1\r\n" + fields + "\r\n", ok, carriesTCP},
		"fields of an answer":             {get, "HTTP/1.1 200 OK\r\n" + fields + "Content-Length: 0\r\n\r\n", carriesTCP},
		"HTTP/2":                          {two, answer, carriesHTTP},
		"frames of an unknown kind":       {two + frame(200, 400000), answer, carriesTCP},
		"data of a stream that ended":     {two, answer + strings.Repeat(frame(frameData, 16000), 20), carriesTCP},
		"pings":                           {two + strings.Repeat(frame(6, 8), 20000), answer, carriesTCP},
		"settings":                        {two + frame(frameSettings, 60000*settingSize), answer, carriesTCP},
		"window updates":                  {two + strings.Repeat(frame(frameWindow, 4), 50000), answer, carriesTCP},
		"empty frames of an unknown kind": {two + strings.Repeat(frame(200, 0), 70000), answer, carriesTCP},
		"pings of many messages": {
			strings.Replace(two, "\x03\x01\x05", "\x03\x01\x04", 1) + strings.Repeat(frame(6, 8)+frame(8, 4), 20000),
			answer[:9] + "\x00\x00\x01\x01\x04\x00\x00\x00\x01\x88" + strings.Repeat("\x00\x00\x32\x00\x00\x00\x00\x00\x01"+strings.Repeat("x", 50), 20000) + "\x00\x00\x00\x00\x01\x00\x00\x00\x01",
			carriesHTTP,
		},
		"chunks":           {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("1\r\na\r\n", 100000) + "0\r\n\r\n", ok, carriesHTTP},
		"fields of chunks": {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + fields + "\r\n1\r\na\r\n0\r\n\r\n", ok, carriesTCP},
	} {
		t.Run(name, func(t *testing.T) {
			p := passing()
			p.Pass(1, Requests, []byte(row.sent))
			p.Pass(2, Answers, []byte(row.answered))
			require.Equal(t, carriesHTTP, p.Carries)
			p.Close(3)
			require.Equal(t, row.carries, p.Carries)
			require.True(t, p.Close(4).None())
		})
	}
}

func TestWhatAConnectionCarriesIsKnown(t *testing.T) {
	const get, ok = "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
	for name, row := range map[string]struct {
		sent, answered string
		carries        string
		begins, unread int // lines
	}{
		"HTTP":                           {get, ok, carriesHTTP, 1, 0},
		"HTTP that is not answered":      {get, "", "", 1, 0},
		"an unclear request behind HTTP": {get, ok + "x", carriesTCP, 1, 1},
		"an upgrade":                     {get, "HTTP/1.1 101 X\r\nUpgrade: own\r\n\r\nbytes", carriesTCP, 1, 1},
		"TLS":                            {"\x16\x03\x01\x00\x05\x01\x00\x00\x01x", "\x16", carriesTLS, 1, 0},
		"bytes":                          {"\x00own", "own", carriesTCP, 0, 1},
		"the server speaks first":        {"", "220 hello\r\n", carriesTCP, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			p := passing()
			lines := p.Pass(1, Requests, []byte(row.sent)).Begins
			lines = append(lines, p.Pass(2, Answers, []byte(row.answered)).Begins...)
			require.Equal(t, row.carries, p.Carries)
			require.Equal(t, row.begins, strings.Count(string(lines), `"event":"Begin"`), "%s", lines)
			require.Equal(t, row.unread, strings.Count(string(lines), `"event":"Unread"`), "%s", lines)
		})
	}
}

func TestWhatStaysOpenAndWhatIsStopped(t *testing.T) {
	p := passing()
	p.Pass(1, Requests, []byte("GET /long HTTP/1.1\r\nHost: h\r\n\r\nGET /partial HTTP/1.1\r\nX: "+strings.Repeat("x", 4000)))
	require.True(t, p.Open(1000, 2000).None())
	require.Contains(t, string(p.Open(2_001_000, 2000).Begins), `"path":"/long","duration_ms":2000}`)
	require.Greater(t, p.Holds(), int64(4000))
	lines := p.Stop(2_002_000, ReasonMemory)
	require.Contains(t, string(lines.Begins), `"path":"/partial"`)
	require.Equal(t, 1, strings.Count(string(lines.Begins), ReasonMemory))
	require.Less(t, p.Holds(), int64(100))
	require.Equal(t, 2, strings.Count(string(lines.Ends), "E 7."))
}

func TestLinesAreWrittenWhole(t *testing.T) {
	short, long := strings.Repeat("a", 9)+"\n", strings.Repeat("b", 99)+"\n"
	for text, want := range map[string][]string{
		"":                                nil,
		short + short:                     {short + short},
		short + short + short + long:      {short + short, short, long},
		long + short:                      {long, short},
		strings.Repeat("c", 30) + "\nend": {strings.Repeat("c", 30) + "\n", "end"},
	} {
		var got []string
		for piece := range Writes([]byte(text), 25) {
			got = append(got, string(piece))
		}
		require.Equal(t, want, got, "%q", text)
	}
	require.Len(t, slices.Collect(Writes([]byte(short), 25)), 1)
}
