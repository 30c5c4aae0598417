package record_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/follow"
	"data-space.liqo.io/pkg/decisions/record"
)

// wire makes an entry of a line of the proxy of a pod.
func wire(pod, text string) record.Entry {
	return record.Line(record.Source{Pod: pod}, record.Position{}, record.Piece{Content: []byte(text)}, 0)
}

// begin is the proxy's line that a request began.
func begin(key, path string) string {
	value := strings.Join([]string{key, "egress", "http", "HTTP/1.1", "192.0.2.1:5", "192.0.2.9:80", "GET", "h", path}, "\n")
	text, _ := json.Marshal("Created the filter state 'begin' from value '" + value + "'")
	return `{"event":"config","level":"debug","text":` + string(text) + `}`
}

func fields(t *testing.T, e record.Entry) map[string]any {
	t.Helper()
	var all map[string]any
	require.NoError(t, json.Unmarshal(e.Log, &all), "%s", e.Text)
	return all
}

func TestTheEndOfARequestHasWhatItWasWhenItBegan(t *testing.T) {
	var p record.Pairing
	began := fields(t, p.Whole(wire("a", begin("7.1764435600123456", "/x\"'"))))
	require.Equal(t, "Begin", began["event"])
	require.Equal(t, "/x\"'", began["path"])
	require.Equal(t, "2025-11-29T17:00:00.123Z", began["start_time"])
	const end = "E 7.1764435600123456 200 - via_upstream 3 2 12 99 192.0.2.9:80"
	require.NotContains(t, fields(t, p.Whole(wire("b", end))), "path", "of another pod")
	line := fields(t, p.Whole(wire("a", end)))
	for field, value := range map[string]any{
		"event": "DownstreamEnd", "direction": "egress", "kind": "http", "method": "GET", "path": "/x\"'", "authority": "h", "protocol": "HTTP/1.1",
		"downstream_remote_address": "192.0.2.1:5", "original_destination": "192.0.2.9:80", "upstream_host": "192.0.2.9:80", "response_code": 200.0,
		"response_flags": "-", "response_code_details": "via_upstream", "bytes_received": 3.0, "bytes_sent": 2.0, "duration_ms": 12.0,
		"request_headers_bytes": 99.0,
	} {
		require.Equal(t, value, line[field], field)
	}
}

// The lines of the module that reads along are of the same kind.
func TestTheLinesOfTheFollower(t *testing.T) {
	var p record.Pairing
	about := follow.About{Connection: 7, Direction: "ingress", Caller: "192.0.2.1:5", Destination: "192.0.2.9:80"}
	line := func(e follow.Event) string { return strings.TrimSpace(string(about.AppendLine(nil, e))) }
	e := follow.Event{Kind: follow.Began, Stamp: 1764435600123456, Protocol: "HTTP/1.1", Method: "GET", Authority: "h", Path: "/x\"\n"}
	began := fields(t, p.Whole(wire("a", line(e))))
	require.Equal(t, "Begin", began["event"])
	require.Equal(t, "2025-11-29T17:00:00.123Z", began["start_time"])
	e = follow.Event{Kind: follow.Ended, Stamp: e.Stamp, Lasted: 12345, Status: 404, RequestBytes: 3, AnswerBytes: 2}
	ended := fields(t, p.Whole(wire("a", line(e))))
	for field, value := range map[string]any{
		"event": "DownstreamEnd", "direction": "ingress", "kind": "http", "method": "GET", "path": "/x\"\n", "authority": "h", "protocol": "HTTP/1.1",
		"downstream_remote_address": "192.0.2.1:5", "original_destination": "192.0.2.9:80", "response_code": 404.0,
		"response_code_details": "via_upstream", "bytes_received": 3.0, "bytes_sent": 2.0, "duration_ms": 12.0,
	} {
		require.Equal(t, value, ended[field], field)
	}
	e.Status = 0
	answer, ok := record.ParseAnswer(wire("a", line(e)))
	require.True(t, ok)
	require.Empty(t, answer.Own(), "an answer that could not be read is not the proxy's")
	unread := wire("a", line(follow.Event{Kind: follow.Unread, Reason: follow.ReasonLength}))
	require.Equal(t, unread, p.Whole(unread))
	require.Equal(t, "an unclear Content-Length", fields(t, unread)["reason"])
	reason, is := record.ParseUnread(unread)
	require.True(t, is)
	require.Equal(t, follow.ReasonLength, reason)
	_, is = record.ParseUnread(wire("a", line(follow.Event{Kind: follow.Began, Method: "GET", Path: `/{"event":"Unread"`})))
	require.False(t, is)
}

// Long lines of the module, and those of its own thread, are texts of Envoy's own log.
func TestTheLinesOfTheFollowerInEnvoysLog(t *testing.T) {
	var p record.Pairing
	about := follow.About{Connection: 7, Direction: "egress", Caller: "192.0.2.1:5", Destination: "192.0.2.9:80"}
	logged := func(e follow.Event) record.Entry {
		text, err := json.Marshal(strings.TrimSpace(string(about.AppendLine(nil, e))))
		require.NoError(t, err)
		return wire("a", `{"event":"dynamic_modules","level":"warning","text":`+string(text)+`}`)
	}
	long := "/" + strings.Repeat("\"\\", 2000)
	e := follow.Event{Kind: follow.Began, Stamp: 1764435600123456, Method: "GET", Authority: "h", Path: long}
	began := p.Whole(logged(e))
	require.Equal(t, "Begin", fields(t, began)["event"])
	require.Equal(t, long, fields(t, began)["path"])
	ended := logged(follow.Event{Kind: follow.Ended, Stamp: e.Stamp, Status: 404})
	_, is := record.ParseAnswer(ended)
	require.True(t, is)
	require.Equal(t, long, fields(t, p.Whole(ended))["path"])
	_, is = record.ParseUnread(logged(follow.Event{Kind: follow.Unread, Reason: follow.ReasonMemory}))
	require.True(t, is)
	open := fields(t, p.Whole(logged(follow.Event{Kind: follow.Open, Stamp: e.Stamp, Lasted: 600_000_000, Method: "GET", Path: "/events"})))
	require.Equal(t, "DownstreamPeriodic", open["event"])
	require.Equal(t, "/events", open["path"])
	require.EqualValues(t, 600_000, open["duration_ms"])
	other := wire("a", `{"event":"dynamic_modules","level":"warning","text":"Envoy's own"}`)
	require.Equal(t, other, p.Whole(other))
}

func TestOtherLinesStayAsTheyAre(t *testing.T) {
	var p record.Pairing
	for _, text := range []string{
		"", "E", "E 1", "E a b c d e f g h i", "a text", `{"event":"Begin","path":"/"}`, `{"event":"config","level":"debug","text":"other"}`,
		`{"event":"DownstreamEnd","path":"/","response_code":200}`, strings.Replace(begin("1.1", "/"), "'begin'", "'other'", 1),
		strings.Replace(begin("1.1", "/"), "GET", `GET\nmore`, 1),
	} {
		require.Equal(t, wire("a", text), p.Whole(wire("a", text)), text)
	}
}

func TestWhatIsHeldOfRequestsThatNeverEndIsBounded(t *testing.T) {
	const requests = 24_000
	for _, pods := range []int{1, 100} {
		var p record.Pairing
		pod := func(i int) string { return fmt.Sprint("pod", i%pods) }
		for i := range requests {
			p.Whole(wire(pod(i), begin(fmt.Sprintf("1.%d", i), "/"+strings.Repeat("x", 1000))))
		}
		end := func(i int) map[string]any {
			return fields(t, p.Whole(wire(pod(i), fmt.Sprintf("E 1.%d 200 - via_upstream 0 0 0 0 -", i))))
		}
		require.NotContains(t, end(0), "path", "the oldest is forgotten")
		require.Contains(t, end(requests-1), "path")
	}
}

func TestWhatTheProxyAnsweredItselfIsKnownWithItsReason(t *testing.T) {
	for line, want := range map[string]string{
		`{"event":"DownstreamEnd","response_code":503,"response_flags":"UF","response_code_details":"upstream_reset_before_response_started{connection_failure}"}`: "UF",
		`{"event":"DownstreamEnd","response_code":403,"response_flags":"-","response_code_details":"rbac_access_denied_matched_policy[pod_itself]"}`:               "rbac_access_denied_matched_policy",
		`{"event":"DownstreamEnd","response_code":503,"response_flags":"-","response_code_details":"via_upstream"}`:                                                "",
		`{"event":"DownstreamEnd","response_code":0,"response_flags":"DC","response_code_details":"downstream_remote_disconnect"}`:                                 "",
		`{"event":"DownstreamPeriodic","response_code":503,"response_flags":"UF","response_code_details":"x"}`:                                                     "",
		`{"event":"TcpConnectionEnd","response_code":0,"response_flags":"UF,URX","response_code_details":null}`:                                                    "UF,URX",
		`{"event":"TcpConnectionEnd","response_code":0,"response_flags":"-","response_code_details":null}`:                                                         "",
		"E 1.1 200 - via_upstream 0 0 0 0 -":                                                "",
		"E 1.1 200 UF upstream_reset_before_response_started{connection_failure} 0 0 0 0 -": "UF",
		"a text": "",
	} {
		answer, ended := record.ParseAnswer(wire("a", line))
		own := ""
		if ended {
			own = answer.Own()
		}
		require.Equal(t, want, record.Reason(own), line)
	}
}
