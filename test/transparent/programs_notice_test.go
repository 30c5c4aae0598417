//go:build transparent

package transparent

import (
	"path"
	"regexp"
	"strings"
)

// direction is a way between two pods.
type direction string

// The ways that are compared with the ordinary one.
const (
	ordinary direction = "ordinary" // from an ordinary pod to an ordinary pod
	out      direction = "out"      // from a foreign pod to an ordinary one
	into     direction = "in"       // from an ordinary pod to a foreign one
	between  direction = "between"  // from a foreign pod to another one
)

// change is what became of a line.
type change string

const (
	added  change = "added"
	lost   change = "lost"
	stands change = "moved"
)

// spot is where a line is seen: which server, which client of it (or the server's log), and which direction.
type spot struct {
	server, client string
	direction      direction
}

func (p spot) String() string {
	return strings.Join([]string{p.server, p.client, string(p.direction)}, " | ")
}

// in reports whether a pattern covers the place: SERVER | CLIENT | DIRECTION as path.Match has them, "*" for any.
func (p spot) in(pattern string) bool {
	parts := strings.Split(pattern, " | ")
	if len(parts) != 3 {
		return false
	}
	escape := strings.NewReplacer("/", "|").Replace // path.Match gives slashes a meaning
	for i, is := range []string{p.server, p.client, string(p.direction)} {
		if ok, err := path.Match(escape(parts[i]), escape(is)); err != nil || !ok {
			return false
		}
	}
	return true
}

// notice is something that clients or servers notice of the proxy. docs/transparency.md shows the list.
type notice struct {
	name    string
	lines   map[change]string // regular expressions of whole lines
	where   []string          // patterns of places; at each of them a line is seen in every run
	symptom string
	reason  string
	remedy  string
	chance  bool // it depends on the moment, and so need not be seen in a run
	module  bool // it is noticed of a proxy whose module reads along as well; the others are of Envoy's codec
}

// covers reports whether the difference explains what became of the line.
func (d notice) covers(c change, line string) bool {
	pattern, ok := d.lines[c]
	return ok && regexp.MustCompile(`^(?:`+pattern+`)$`).MatchString(strings.TrimSuffix(line, "\r"))
}
