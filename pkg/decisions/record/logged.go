package record

import (
	"encoding/json"
	"fmt"
)

// Logged are the fields of a proxy's line that people are shown, whichever event the line reports.
type Logged struct {
	Begun
	Code   int64  `json:"response_code"`
	Bytes  int64  `json:"bytes_received"` // from the client: of a request those of its body
	Text   string `json:"text"`           // of the proxy's own log
	Side   string `json:"side"`           // of bytes that are not read
	Reason string `json:"reason"`         // why they are not read
}

// UnusualBody returns how many bytes of body a request has whose method gives a body no meaning (RFC 9110, 9.3). A server that does not read
// the body takes it for the next request.
func UnusualBody(method string, received int64) int64 {
	switch method {
	case "GET", "HEAD", "DELETE", "OPTIONS", "TRACE":
		return received
	}
	return 0
}

// Asked returns a request as people are shown it: method, authority and path, and how long its body is if it has an unusual one.
func (l Logged) Asked() string {
	method := l.Method
	if n := UnusualBody(l.Method, l.Bytes); n > 0 {
		method = fmt.Sprintf("%s (with a body of %d bytes)", l.Method, n)
	}
	return method + " " + l.Authority + l.Path
}

// ParseLogged reads the fields of an entry. They are empty if the entry is not a line of a proxy.
func ParseLogged(e Entry) Logged {
	var l Logged
	_ = json.Unmarshal(e.Log, &l) // the caller shows the text of any other line
	return l
}
