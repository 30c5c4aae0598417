//go:build transparent

package transparent

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/values/apis"
)

// transcript is what was seen on one route: each client's output, and the server's log.
type transcript map[string]string

// serverLog is the server's part of a transcript.
const serverLog = "log"

// normal masks what no two runs have in common: times, ephemeral ports, process ids; and the pods' addresses.
func (r route) normal(text string) string {
	for _, mask := range []struct{ pattern, with string }{
		{regexp.QuoteMeta(r.from.v4.String()), "CLIENT"},
		{regexp.QuoteMeta(r.to.v4.String()), "SERVER"},
		{`(address: )` + regexp.QuoteMeta(apis.IngressSourceV4().String()), "${1}PROXY"}, // lines that are about the address
		{regexp.QuoteMeta(apis.IngressSourceV4().String()), "CLIENT"},
		{regexp.QuoteMeta(apis.IngressSourceV6().String()), "CLIENT6"},
		{regexp.QuoteMeta(r.from.v6.String()) + `\b`, "CLIENT6"},
		{regexp.QuoteMeta(r.to.v6.String()) + `\b`, "SERVER6"},
		{`\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d \w{3} \d{4} [\d:]{8} GMT`, "DATE"},
		{`\d{4}[-/]\d\d[-/]\d\d[ T] ?\d{1,2}:\d\d:\d\d([.,]\d+)?( ?[-+]\d\d:?\d\d| UTC|Z)?`, "DATE"},
		{`\n{3,}`, "\n\n"}, // the mirror's padding
		{`\(node:\d+\)`, "(node)"},
		{`PID \d+`, "PID"},
		{`\[ +\d+\.\d+\] `, ""}, // nghttp's clock
		{`after \d+ ms`, "after N ms"},
		{`(CLIENT6?)([:\]( ',]+| port=)\d{4,5}\b`, "${1}${2}PORT"},
	} {
		text = regexp.MustCompile(mask.pattern).ReplaceAllString(text, mask.with)
	}
	return text
}

// sighting is a line that one route has and the ordinary one has not, or the reverse, or that stands in another place.
type sighting struct {
	spot // where it was seen
	kind change
	line string
	hunk string // with the lines around it, for a reader
}

// compare returns what differs between the ordinary route and another one.
func compare(s server, d direction, want, got transcript) []sighting {
	var all []sighting
	for _, name := range s.parts() {
		hunks := differ(strings.Split(want[name], "\n"), strings.Split(got[name], "\n"))
		moved := map[string]int{}
		for _, h := range hunks {
			for _, line := range h.lost {
				moved[line]++
			}
		}
		came := map[string]int{}
		for _, h := range hunks {
			for _, line := range h.came {
				came[line]++
			}
		}
		for _, h := range hunks {
			see := func(kind change, lines []string, others map[string]int) {
				for _, line := range lines {
					k := kind
					if others[line] > 0 {
						others[line]--
						k = stands
					}
					all = append(all, sighting{spot{s.name, name, d}, k, line, h.String()})
				}
			}
			see(lost, h.lost, came)
			see(added, h.came, moved)
		}
	}
	return all
}

// parts are the names of what a transcript of the server has.
func (s server) parts() []string {
	names := []string{serverLog}
	for _, c := range s.clients {
		names = append(names, c.name)
	}
	return names
}

// hunk is a place where two texts differ: the lines of the one, and those of the other.
type hunk struct{ lost, came []string }

func (h hunk) String() string {
	var b strings.Builder
	for _, line := range h.lost {
		fmt.Fprintf(&b, "  - %.300s\n", line)
	}
	for _, line := range h.came {
		fmt.Fprintf(&b, "  + %.300s\n", line)
	}
	return b.String()
}

// differ returns the places where two texts differ.
func differ(a, b []string) []hunk {
	longest := make([][]int, len(a)+1) // of common lines from i and j on
	for i := range longest {
		longest[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			longest[i][j] = max(longest[i+1][j], longest[i][j+1])
			if a[i] == b[j] {
				longest[i][j] = longest[i+1][j+1] + 1
			}
		}
	}
	all, h := []hunk(nil), hunk{}
	for i, j := 0, 0; i < len(a) || j < len(b); {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			if len(h.lost)+len(h.came) > 0 {
				all, h = append(all, h), hunk{}
			}
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && longest[i+1][j] >= longest[i][j+1]:
			h.lost, i = append(h.lost, a[i]), i+1
		default:
			h.came, j = append(h.came, b[j]), j+1
		}
	}
	if len(h.lost)+len(h.came) > 0 {
		all = append(all, h)
	}
	return all
}

// judge fails the test for each difference that is not in the list, and for each of the list that was not seen.
func judge(t *testing.T, seen []sighting) {
	t.Helper()
	list, gone := noticedOf(reader(t) != ""), map[string]bool{}
	for _, d := range list {
		for _, at := range d.where {
			if d.chance {
				continue
			}
			gone[d.name+" at "+at] = true
		}
	}
	reported := map[string]bool{}
	for _, s := range seen {
		known := false
		for _, d := range list {
			for _, at := range d.where {
				if d.covers(s.kind, s.line) && s.in(at) {
					known = true
					delete(gone, d.name+" at "+at)
				}
			}
		}
		if text := fmt.Sprintf("%s:\n%s", s.spot, s.hunk); !known && !reported[text] {
			reported[text] = true
			t.Errorf("docs/transparency.md does not list this difference (line %q):\n%s", s.line, text)
		}
	}
	for _, what := range slices.Sorted(maps.Keys(gone)) {
		t.Errorf("listed, but not seen any more: remove it from programs_list_test.go: %s", what)
	}
}

// keep writes the transcripts into the directory that TRANSCRIPTS names, for a reader.
func keep(t *testing.T, s server, r route, got transcript) {
	t.Helper()
	dir := os.Getenv("TRANSCRIPTS")
	if dir == "" {
		return
	}
	require.NoError(t, os.MkdirAll(dir, 0o755))
	var b strings.Builder
	for _, name := range s.parts() {
		fmt.Fprintf(&b, "######## %s\n%s\n", name, got[name])
	}
	file := strings.NewReplacer("/", "-", " ", "-").Replace(s.name + "." + string(r.name))
	require.NoError(t, os.WriteFile(filepath.Join(dir, file), []byte(b.String()), 0o644))
}
