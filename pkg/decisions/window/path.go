package window

import (
	"fmt"
	"net/url"
	"strings"
)

// BadRequestError is an error in a request, with what to write instead.
type BadRequestError struct{ text string }

func (e BadRequestError) Error() string { return e.text }

func bad(format string, values ...any) error { return BadRequestError{fmt.Sprintf(format, values...)} }

// CheckURL refuses a URL that two servers could read differently: empty and dot segments, encoded separators, control characters, and
// queries with malformed pairs.
func CheckURL(u *url.URL) (url.Values, error) {
	switch {
	case u.Opaque != "" || u.Fragment != "" || !strings.HasPrefix(u.Path, "/"):
		return nil, bad("the request's URL is not a path with a query")
	case strings.ContainsFunc(u.Path, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\\' || r == 0xfffd }):
		return nil, bad("the path has a control character or a backslash; remove it")
	}
	escaped := strings.ToLower(u.EscapedPath())
	for _, code := range []string{"%2f", "%2e", "%25", "%5c", "%00"} {
		if strings.Contains(escaped, code) {
			return nil, bad("the path has the encoded character %s; name objects without it", code)
		}
	}
	for segment := range strings.SplitSeq(strings.TrimSuffix(strings.TrimPrefix(u.Path, "/"), "/"), "/") {
		if u.Path != "/" && (segment == "" || segment == "." || segment == "..") {
			return nil, bad("the path has the segment %q; send the path without it", segment)
		}
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, bad("the query is malformed: %v", err)
	}
	return query, nil
}
