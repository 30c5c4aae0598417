//go:build kernel

package transparent

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the list of differences into the docs")

// page has the list of differences between these two lines.
const (
	page     = "../../docs/transparency.md"
	listFrom = "<!-- differences: written by test/transparent -update -->\n"
	listTo   = "<!-- end of differences -->\n"
)

// Every exchange of the corpus, from an ordinary pod and through the proxy in each direction. docs/transparency.md lists what
// differs, and lists nothing else.
func TestTheDocsListWhatHTTP1ClientsAndServersNotice(t *testing.T) {
	w, all := newWorld(t), corpus()
	without := settled(w.ordinary, w.server, 20000, all, untouched)
	for _, e := range all {
		require.Equal(t, seen{e.request, e.sent()}, without[e.name], "%s: without a proxy", e.name)
	}
	ways := []struct {
		name     string
		from, to *place
	}{{"out", w.foreign, w.server}, {"in", w.server, w.foreign}, {"guest to guest", w.foreign, w.guest}}
	reasons := differences()
	for i, way := range ways {
		observed := observe(way.from, way.to, 21000+1000*i, all, reasons)
		for _, e := range all {
			require.Equal(t, reasons[e.name].noticed, observed[e.name], "%s, %s", e.name, way.name)
			delete(observed, e.name)
		}
		require.Empty(t, observed)
	}
	requireDocs(t, list(all, reasons))
}

// observe runs all exchanges and returns what was noticed.
func observe(from, to *place, base int, all []exchange, reasons map[string]difference) map[string]noticed {
	last := settled(from, to, base, all, func(e exchange, got seen) bool { return e.compare(got) == reasons[e.name].noticed })
	observed := map[string]noticed{}
	for _, e := range all {
		observed[e.name] = e.compare(last[e.name])
	}
	return observed
}

// noticed is what each end received, in few words; empty: what was sent, but for the spelling that HTTP leaves free.
type noticed struct{ server, client string }

func (e exchange) compare(got seen) noticed {
	var n noticed
	switch {
	case spelled(got.server) == spelled(e.request):
	case got.server == "":
		n.server = "nothing"
	default:
		n.server = "changed"
	}
	sent, client := e.sent(), got.client
	if !e.cut { // the proxy keeps the client's connection when the server closes its own
		sent, client = strings.TrimSuffix(sent, end), strings.TrimSuffix(client, end)
	}
	if spelled(client) != spelled(sent) {
		n.client = "changed"
		status := regexp.MustCompile(`^HTTP/1\.[01] (\d{3}) `)
		was, is := status.FindStringSubmatch(e.sent()), status.FindStringSubmatch(got.client)
		if is != nil && (was == nil || was[1] != is[1]) {
			n.client = "`" + is[1] + "`"
		}
		if got.client == "" {
			n.client = "nothing"
		}
	}
	return n
}

// sent is all that the server sends.
func (e exchange) sent() string {
	all := strings.ReplaceAll(e.response, piece, "")
	if e.closes {
		all += end
	}
	return all
}

// spelled is the message without what any HTTP intermediary may change, and no program should notice: spaces around values, the order of
// headers of different names, line ends, connection headers, the framing of a chunked body, a Date that the server left out, a
// length of nothing.
func spelled(message string) string {
	message = strings.ReplaceAll(message, "\r\n", "\n")
	message = regexp.MustCompile(`\ndate: [^\n]* GMT`).ReplaceAllString(message, "") // as Envoy spells it
	message = regexp.MustCompile(`\n[ \t]+`).ReplaceAllString(message, " ")          // folded lines
	head, body, _ := strings.Cut(message, "\n\n")
	lines := strings.Split(strings.TrimLeft(head, "\n"), "\n")
	var kept []string
	free := regexp.MustCompile(`(?i)^(connection|keep-alive|proxy-connection|date|transfer-encoding|x-own)$`)
	chunked := false
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ":")
		value = strings.Join(strings.Fields(value), " ")
		if strings.EqualFold(name, "transfer-encoding") && strings.EqualFold(value, "chunked") {
			chunked = true
		}
		if free.MatchString(name) || strings.EqualFold(name, "content-length") && value == "0" {
			continue
		}
		kept = append(kept, name+": "+value)
	}
	slices.SortStableFunc(kept, func(a, b string) int {
		a, _, _ = strings.Cut(a, ":")
		b, _, _ = strings.Cut(b, ":")
		return strings.Compare(a, b)
	})
	if chunked {
		body = unchunk(body)
	}
	return lines[0] + "\n" + strings.Join(kept, "\n") + "\n\n" + body
}

// unchunk joins the chunks, and drops sizes, extensions and the case of trailers.
func unchunk(body string) string {
	var all strings.Builder
	for {
		size, rest, _ := strings.Cut(body, "\n")
		size, _, _ = strings.Cut(size, ";")
		var n int
		if _, err := fmt.Sscanf(size, "%x", &n); err != nil || n == 0 || n > len(rest) {
			return all.String() + strings.ToLower(strings.TrimSpace(rest))
		}
		all.WriteString(rest[:n])
		body = strings.TrimPrefix(rest[n:], "\n")
	}
}

// list is the table of the docs: one row for all that is noticed in the same way, for the same reason.
func list(all []exchange, reasons map[string]difference) string {
	var text strings.Builder
	fmt.Fprintf(&text, "\n%d exchanges are compared. These differ:\n\n| what is sent | the server receives | the client receives | reason, and way out |\n|---|---|---|---|\n", len(all))
	same := func(s string) string {
		if s == "" {
			return "the same"
		}
		return s
	}
	var order []difference
	names := map[difference][]string{}
	for _, e := range all {
		d := reasons[e.name]
		if d.noticed == (noticed{}) {
			continue
		}
		if names[d] == nil {
			order = append(order, d)
		}
		names[d] = append(names[d], e.name)
	}
	for _, d := range order {
		fmt.Fprintf(&text, "| %s | %s | %s | %s |\n", strings.Join(names[d], "; "), same(d.server), same(d.client), d.why)
	}
	return text.String() + "\n"
}

func requireDocs(t *testing.T, want string) {
	t.Helper()
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(text), listFrom)
	require.True(t, found, "%s has no list", page)
	have, after, found := strings.Cut(rest, listTo)
	require.True(t, found, "the list of %s has no end", page)
	if *update {
		require.NoError(t, os.WriteFile(page, []byte(before+listFrom+want+listTo+after), 0o600))
		return
	}
	require.Equal(t, want, have, "%s: run with -update", page)
}
