package follow

import (
	"bytes"
	"strings"

	"data-space.liqo.io/pkg/values/httptext"
)

// head is the first line of a request.
type head struct {
	method, path, version string
	cut                   bool
	status                int // of an answer
}

// fields are the header fields that decide where a message ends, and those that an event has.
type fields struct {
	authority string
	cut       bool
	length    int64
	hasHost   bool
	hasLength bool
	hasCoding bool
	chunked   bool // is the last coding
	upgrade   string
	odd       string // why a server may find another body than these fields have, or "". It counts for requests.
}

// name returns where the name of a field line ends, or the reason why the line is no field.
func (t text) name() (colon int, reason string) {
	if t.line[0] == ' ' || t.line[0] == '\t' {
		return 0, ReasonFolded
	}
	colon = bytes.IndexByte(t.line, ':')
	if colon < 1 || !httptext.Token(t.line[:colon]) {
		return 0, ReasonField
	}
	return colon, ""
}

// read takes one field line. It returns the reason why the line is no field, or is unclear, or "".
func (f *fields) read(t text) string {
	colon, reason := t.name()
	if reason != "" {
		return reason
	}
	name, value := t.line[:colon], bytes.Trim(t.line[colon+1:], " \t")
	switch len(name) {
	case len("Host"):
		if is(name, "host") {
			if f.hasHost {
				return ReasonHosts
			}
			f.authority, f.cut = cut(value, maxAuthority)
			f.hasHost = true
		}
	case len("Upgrade"):
		if is(name, "upgrade") {
			f.upgrade, _ = cut(value, maxMethod)
		}
	case len("Content-Length"):
		if is(name, "content-length") {
			return f.readLength(t, value)
		}
		f.spelled(name, "content-length", ReasonLength)
	case len("Transfer-Encoding"):
		if is(name, "transfer-encoding") {
			return f.readCoding(t, value)
		}
		f.spelled(name, "transfer-encoding", ReasonCoding)
	}
	return ""
}

// spelled finds a name with another character for the hyphen: servers whose names of fields are those of variables (WSGI, CGI) take it for the same.
func (f *fields) spelled(name []byte, as, reason string) {
	if at := strings.IndexByte(as, '-'); is(name[:at], as[:at]) && is(name[at+1:], as[at+1:]) {
		f.odd = reason
	}
}

// readLength accepts one number, also if it is said several times.
func (f *fields) readLength(t text, value []byte) string {
	const most = 18 // digits that fit
	if !t.whole() {
		return ReasonLength
	}
	for one := range bytes.SplitSeq(value, []byte{','}) {
		one = bytes.Trim(one, " \t")
		var n int64
		for _, b := range one {
			if b < '0' || b > '9' {
				return ReasonLength
			}
			n = n*10 + int64(b-'0')
		}
		if len(one) == 0 || len(one) > most || f.hasLength && n != f.length {
			return ReasonLength
		}
		if len(one) > 1 && one[0] == '0' {
			f.odd = ReasonLength // octal, for some
		}
		f.length, f.hasLength = n, true
	}
	return ""
}

// readCoding accepts codings of which the last, and no other, is chunked.
func (f *fields) readCoding(t text, value []byte) string {
	if !t.whole() {
		return ReasonCoding
	}
	f.hasCoding = true
	for one := range bytes.SplitSeq(value, []byte{','}) {
		one = bytes.Trim(one, " \t")
		if f.chunked || !httptext.Token(one) || is(one, "identity") {
			return ReasonCoding
		}
		f.chunked = is(one, "chunked")
	}
	return ""
}

// is compares a text with one in lower case.
func is(b []byte, lower string) bool {
	return len(b) == len(lower) && strings.EqualFold(string(b), lower)
}

// cut returns the text up to a bound.
func cut(b []byte, most int) (string, bool) {
	if len(b) > most {
		return string(b[:most]), true
	}
	return string(b), false
}
