//go:build browser

package browser

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/audit"
	"data-space.liqo.io/pkg/decisions/happening"
	"data-space.liqo.io/pkg/decisions/report"
	"data-space.liqo.io/pkg/programs/reportpage"
	"data-space.liqo.io/pkg/values/agentapi"
)

// page is a report of a month of two guests, with names as long as Kubernetes allows and texts without a space.
func page(t *testing.T) string {
	t.Helper()
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	c := report.New(from, from.Add(30*24*time.Hour))
	long := strings.Repeat("a-long-name", 22)
	for i := range 150 {
		for _, guest := range []string{"pharma-cluster", long} {
			e := happening.Event{
				Time: from.Add(time.Duration(i) * 280 * time.Minute), Node: "worker-" + fmt.Sprint(i%3), Guest: guest, Namespace: "pharma-space", Pod: fmt.Sprintf("study-%d", i%40), Index: int64(i),
				Type: happening.Request, Direction: "egress", Method: "GET", Authority: "hospital.hospital-space.svc.cluster.local", Path: fmt.Sprintf("/patients/%d/%s", i%60, long[:i%200]), Verdict: happening.Forwarded,
			}
			if guest == long {
				e.Namespace, e.Pod, e.Node = long[:63], long, long
			}
			if i%7 == 0 {
				e.Verdict = happening.Refused
			}
			e.What = e.Method + " " + e.Authority + e.Path
			c.Add(e)
			e.Log = guest
			c.AddFact(e)
			e.Log, e.Type, e.Kind, e.Details = "", happening.State, "PodStateChanged", map[string]string{"to": []string{"Enforced", "Enforced", "Failed"}[i%3]}
			c.Add(e)
			e.Type, e.Kind, e.What = happening.Drift, "DriftRepaired", "the rules had been changed and are as planned again: ipv4 filter/OUTPUT: unexpected rule -j ACCEPT"
			c.Add(e)
		}
	}
	c.Add(happening.Event{Time: from, Node: "worker-0", Type: happening.Agent, Kind: "AgentStarted"})
	d := reportpage.Document{Page: c.Page(), Cluster: "https://hospital.example:6443", Written: from.Add(31 * 24 * time.Hour), Missing: []string{"the events of node " + long + " are missing"}}
	for _, p := range d.Proofs() {
		p.Text = "c2sp.org/tlog-proof@v1\n" + strings.Repeat("7Dq2k8bqkT5hX1Zf3rT2kVq0QmJ0m8p5H0yVt2mJv0c=\n", 20)
	}
	d.Logs = []report.Log{{Node: long, Guest: long, Origin: "data-space.liqo.io/node/" + long, Keys: []string{long + "+5f0c7782+" + strings.Repeat("A", 60)}}}
	d.Verified = &audit.Verification{Report: audit.Report{Nodes: []audit.Node{{Name: long, Problems: []string{"the agent does not answer: " + long}}}},
		Records: []audit.NodeRecord{{Node: long, Origin: long, Witnesses: []agentapi.Witnessed{{Name: long}}}}}
	var out bytes.Buffer
	require.NoError(t, reportpage.Write(&out, d))
	return out.String()
}

// outside returns the elements that reach beyond the window's right edge, and so make a page scroll sideways.
const outside = `[...document.querySelectorAll('body *')].filter(e => !e.closest('svg') && e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
	.slice(0, 5).map(e => e.outerHTML.slice(0, 200))`

func TestThePageIsReadInABrowserOnAPhoneAndOnPaper(t *testing.T) {
	c := newChromium(t)
	c.open(page(t))
	pictures := map[string]image.Image{}
	for name, view := range map[string]map[string]any{
		"wide":  {"width": 1280, "height": 900, "deviceScaleFactor": 1, "mobile": false},
		"phone": {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": true},
	} {
		c.call("Emulation.setDeviceMetricsOverride", view, nil)
		c.looksWhole(name)
		pictures[name] = c.picture(name)
	}
	for name, p := range pictures {
		require.Positive(t, count(p, color.RGBA{0x3b, 0x82, 0xa0, 0xff}), "%s: the plots show what passed", name)
		require.Positive(t, count(p, color.RGBA{0xc0, 0x39, 0x2b, 0xff}), "%s: and what was refused", name)
	}
	var proof string
	c.value(`(() => { const d = document.querySelector('details'); d.open = true; return d.querySelector('pre').innerText })()`, &proof)
	require.Contains(t, proof, "c2sp.org/tlog-proof@v1")
	c.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": true}, nil)
	c.looksWhole("phone, with a proof open")

	c.call("Emulation.setEmulatedMedia", map[string]any{"media": "print"}, nil)
	c.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": 718, "height": 1046, "deviceScaleFactor": 1, "mobile": false}, nil) // A4 without margins of 1 cm
	c.looksWhole("paper")
	var shown int
	c.value(`[...document.querySelectorAll('details')].filter(d => d.getBoundingClientRect().height > 0).length`, &shown)
	require.Zero(t, shown, "proofs are not printed")
	c.picture("paper")
	var pdf struct{ Data []byte }
	c.call("Page.printToPDF", map[string]any{"paperWidth": 8.27, "paperHeight": 11.69}, &pdf)
	require.True(t, bytes.HasPrefix(pdf.Data, []byte("%PDF-")))
	c.isQuiet()
}

// looksWhole requires that nothing reaches beyond the window.
func (c *chromium) looksWhole(view string) {
	c.t.Helper()
	var size []float64
	c.value(`[document.documentElement.scrollWidth, document.documentElement.clientWidth]`, &size)
	var beyond []string
	c.value(outside, &beyond)
	require.Empty(c.t, beyond, "%s: elements that reach beyond the window", view)
	require.LessOrEqual(c.t, size[0], size[1], "%s: the page scrolls sideways", view)
}

// picture takes a picture of the page from its first guest on, and keeps it in the folder $PICTURES, if that is set.
func (c *chromium) picture(name string) image.Image {
	c.t.Helper()
	var shown bool
	c.value(`[...document.querySelectorAll('h2')].find(h => h.textContent.startsWith('Guest pharma')).scrollIntoView() === undefined`, &shown)
	var shot struct{ Data []byte }
	c.call("Page.captureScreenshot", map[string]any{"format": "png"}, &shot)
	p, err := png.Decode(bytes.NewReader(shot.Data))
	require.NoError(c.t, err)
	if folder := os.Getenv("PICTURES"); folder != "" {
		require.NoError(c.t, os.WriteFile(filepath.Join(folder, name+".png"), shot.Data, 0o644))
	}
	return p
}

func count(p image.Image, wanted color.RGBA) (n int) {
	for y := p.Bounds().Min.Y; y < p.Bounds().Max.Y; y++ {
		for x := p.Bounds().Min.X; x < p.Bounds().Max.X; x++ {
			if color.RGBAModel.Convert(p.At(x, y)) == wanted {
				n++
			}
		}
	}
	return n
}

// isQuiet requires that the browser reported no error and that the page asked for nothing but itself.
func (c *chromium) isQuiet() {
	c.t.Helper()
	for _, m := range c.events {
		switch m.Method {
		case "Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled":
			require.Fail(c.t, "the browser reports a problem of the page", "%s", m.Params)
		case "Network.requestWillBeSent":
			var sent struct{ Request struct{ URL string } }
			require.NoError(c.t, json.Unmarshal(m.Params, &sent))
			require.Equal(c.t, "file:///tmp/page.html", sent.Request.URL)
		}
	}
}
