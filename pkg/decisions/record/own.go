package record

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// Answer is how a request or a connection ended, as the proxy's access log has it.
type Answer struct {
	Event     string `json:"event"`
	Direction string `json:"direction"`
	Code      int64  `json:"response_code"`
	Flags     string `json:"response_flags"`
	Details   string `json:"response_code_details"`
}

// viaUpstream are the details of an answer that the server gave.
const viaUpstream = "via_upstream"

// ParseAnswer reads the line by which a request or a connection ended. Lines about those that go on, and all others, are none.
func ParseAnswer(e Entry) (Answer, bool) {
	e = e.unwrapped()
	if e.Text != "" {
		ended, ok := ParseEnded(e.Text)
		return Answer{Event: ended.Event, Code: ended.Code, Flags: ended.Flags, Details: ended.Details}, ok
	}
	var a Answer
	if !bytes.Contains(e.Log, []byte(`"response_flags"`)) || json.Unmarshal(e.Log, &a) != nil {
		return Answer{}, false
	}
	return a, a.Event == "DownstreamEnd" || a.Event == "TcpConnectionEnd"
}

// unreachable are the flags of a connection that ended because the proxy could not connect it to the server.
func unreachable() []string { return []string{"UF", "UH", "UO", "NC", "NR", "LH", "OM", "DF"} }

// Own returns why the proxy answered, or closed the connection, in the server's place: the response flags, which
// https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage lists, and the details. It returns "" for what
// the server answered, and for a client that left before.
func (a Answer) Own() string {
	flags := strings.Trim(a.Flags, "-")
	if a.Event == "TcpConnectionEnd" {
		if slices.ContainsFunc(strings.Split(flags, ","), func(f string) bool { return slices.Contains(unreachable(), f) }) {
			return flags
		}
		return ""
	}
	// An answer of which the server gave the status, and which it then broke off, has its status, but other details.
	if a.Code == 0 || a.Details == viaUpstream || strings.HasPrefix(a.Details, "upstream_reset_after_response_started") {
		return ""
	}
	return strings.TrimSpace(flags + " " + strings.Trim(a.Details, "-"))
}

// longestReason bounds a reason, in bytes.
const longestReason = 48

// Reason is what Own returns without what differs from one connection to the next, so that reasons can be counted: the flags, or the
// name that the details begin with.
func Reason(own string) string {
	flags, details, _ := strings.Cut(own, " ")
	if details == "" && strings.ToUpper(flags) != flags {
		details, flags = flags, ""
	}
	if flags != "" {
		return flags[:min(len(flags), longestReason)]
	}
	if i := strings.IndexAny(details, "{[(:"); i >= 0 {
		details = details[:i]
	}
	return details[:min(len(details), longestReason)]
}
