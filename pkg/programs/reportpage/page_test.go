package reportpage

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/audit"
	"data-space.liqo.io/pkg/decisions/happening"
	"data-space.liqo.io/pkg/decisions/report"
	"data-space.liqo.io/pkg/values/agentapi"
)

var update = flag.Bool("update", false, "write the golden file")

// document is a page on which each text that a guest chooses is the given one.
func document(text string) Document {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	c := report.New(at, at.Add(24*time.Hour))
	event := func(hour int, kind, what string, e happening.Event) {
		e.Time, e.Node, e.Guest, e.Namespace, e.Pod, e.Kind, e.What = at.Add(time.Duration(hour)*time.Hour), "node-"+text, text, text, text, kind, what
		c.Add(e)
	}
	event(1, "PodStateChanged", "", happening.Event{Type: happening.State, Details: map[string]string{"to": "Enforced"}})
	event(10, "PodStateChanged", "", happening.Event{Type: happening.State, Details: map[string]string{"to": text}})
	event(2, "AgentStarted", "", happening.Event{Type: happening.Agent, Details: map[string]string{"before": "ended without a trace"}})
	for i := range 3 {
		event(3+i, "", text, happening.Event{Type: happening.Request, Direction: "egress", Method: text, Authority: text, Path: "/" + text, Verdict: happening.Forwarded, Index: -1})
	}
	event(6, "", text, happening.Event{Type: happening.Name, Authority: text, Verdict: happening.Refused, Index: -1})
	event(7, "DriftRepaired", text, happening.Event{Type: happening.Drift, Index: 5})
	event(8, "RateExceeded", text, happening.Event{Type: happening.Gap, Index: -1})
	event(9, "PolicyChanged", text, happening.Event{Type: happening.Policy, Index: 6})
	event(9, "", "", happening.Event{Type: happening.Books, Index: 7})
	for i := range 3 {
		c.AddFact(happening.Event{Time: at.Add(time.Duration(3+i) * time.Hour), Node: "node-" + text, Log: text, Guest: text, Namespace: text, Pod: text, Type: happening.Request, Direction: "egress", Method: text,
			Authority: text, Path: "/" + text, Index: int64(i)})
	}
	d := Document{Page: c.Page(), Cluster: text, Written: at.Add(25 * time.Hour), Missing: []string{text}}
	d.Logs = []report.Log{{Node: text, Guest: text, Origin: text, Keys: []string{text}}, {Node: text}}
	for _, p := range d.Proofs() {
		p.Text = "c2sp.org/tlog-proof@v1\n" + text
	}
	d.Verified = &audit.Verification{Report: audit.Report{Nodes: []audit.Node{{Name: text, Problems: []string{text}}}},
		Records: []audit.NodeRecord{{Node: text, Origin: text, Witnesses: []agentapi.Witnessed{{Name: text, Refused: true}}}}}
	return d
}

func written(t *testing.T, text string) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, Write(&out, document(text)))
	return out.String()
}

func TestThePageIsItsGolden(t *testing.T) {
	const golden = "testdata/page.html"
	page := written(t, "pharma")
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(page), 0o600))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), page, "run the test with -update if the page is as it should be")
}

// shape is the sequence of a page's elements and their attributes' names.
func shape(t *testing.T, page string) (all []string) {
	t.Helper()
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(page))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(t, err)
		if e, is := token.(xml.StartElement); is {
			name := e.Name.Local
			for _, a := range e.Attr {
				name += " " + a.Name.Local
			}
			all = append(all, name)
		}
	}
}

func TestWhateverAGuestChoosesAddsNoElementAndNoAttribute(t *testing.T) {
	want := shape(t, written(t, "pharma"))
	require.NotContains(t, strings.Join(want, "\n"), "script")
	for _, hostile := range []string{
		`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' onmouseover='x`, `</title><script>`, `</style><script>`, `{{.Cluster}}`, `<!--`, `]]>`,
		"javascript:alert(1)", `&lt;script&gt;`, `<svg/onload=x>`, "</pre></details><script>", "\x00\x1b[2J", "\u202eevil", "\xff\xfe", `</svg><foreignObject>`,
	} {
		page := written(t, hostile)
		require.Equal(t, want, shape(t, page), hostile)
		require.NotContains(t, page, "\x1b")
		require.NotContains(t, page, "\u202e")
	}
}

func TestThePageNeedsNothingFromElsewhere(t *testing.T) {
	page := written(t, "pharma")
	for _, outside := range []string{"http:", "https:", "src=", "href=", "url(", "@import"} {
		require.NotContains(t, page, outside)
	}
	require.Contains(t, page, "Content-Security-Policy")
	require.Contains(t, page, "@media print")
	require.Contains(t, page, "width=device-width")
}
