package follow_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/follow"
)

func lines(c *follow.Connection, steps ...step) string {
	about := follow.About{Connection: 7, Direction: "egress", Caller: "192.0.2.1:5", Destination: "192.0.2.2:80"}
	var text []byte
	for _, e := range play(c, steps, whole) {
		text = about.AppendLine(text, e)
	}
	return string(text)
}

func TestLines(t *testing.T) {
	const common = `"downstream_remote_address":"192.0.2.1:5","original_destination":"192.0.2.2:80"`
	want := `{"event":"Begin","key":"7.1790000000000000","direction":"egress","kind":"http",` + common + `,"protocol":"HTTP/1.1","method":"GET","authority":"h","path":"/a?b"}
{"event":"Begin","key":"7.1790000000000001","direction":"egress","kind":"http",` + common + `,"protocol":"HTTP/1.1","method":"GET","authority":"h","path":"/a?b"}
E 7.1790000000000000 200 - via_upstream 0 2 0 - 192.0.2.2:80
E 7.1790000000000001 0 - - 0 0 0 - 192.0.2.2:80
{"event":"Unread","key":"7.1790000000000000","direction":"egress","kind":"tcp",` + common + `,"side":"answers","reason":"an answer without a status line"}
`
	require.Equal(t, want, lines(&follow.Connection{Now: 1790000000000000}, get+get[2:], ok+"ICY\r\n"))
	require.Contains(t, lines(&follow.Connection{Now: 1}, "> "+clientHello(t, "hospital.example")), `"kind":"tls",`+common+`,"sni":"hospital.example"}`)
}

func FuzzAFieldStaysInItsLine(f *testing.F) {
	f.Add("/", "h")
	f.Add("/\x80\xff\"\\", "\u2028\u0085")
	f.Fuzz(func(t *testing.T, path, authority string) {
		line := string(follow.About{}.AppendLine(nil, follow.Event{Kind: follow.Began, Path: path, Authority: authority}))
		require.Equal(t, 1, strings.Count(line, "\n"))
		var fields map[string]string
		require.NoError(t, json.Unmarshal([]byte(line), &fields))
		if !strings.ContainsAny(path, "\\") && strings.ToValidUTF8(path, "") == path {
			require.Equal(t, path, fields["path"])
		}
		require.Len(t, fields, 10)
	})
}
