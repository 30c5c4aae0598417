package reportpage

import (
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"

	"data-space.liqo.io/pkg/decisions/audit"
	"data-space.liqo.io/pkg/decisions/happening"
	"data-space.liqo.io/pkg/decisions/report"
)

// Document is what a page is written of.
type Document struct {
	report.Page
	Cluster  string
	Written  time.Time
	Verified *audit.Verification // of the moment in which the page was written; nil: nothing was verified
	Missing  []string            // what could not be read
}

// Write writes the page.
func Write(w io.Writer, d Document) error {
	t, err := template.New("page").Funcs(functions(d)).Parse(page)
	if err != nil {
		return fmt.Errorf("the page's template: %w", err)
	}
	if err := t.Execute(w, d); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}

// Sizes of the plots, in their own units.
const plotWidth, plotHeight = 600.0, 90.0

// bar is a rectangle of a plot.
type bar struct {
	X, Y, Width, Height float64
	Class, Title        string
}

func functions(d Document) template.FuncMap {
	return template.FuncMap{
		"at":       func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") },
		"percent":  func(part float64) string { return fmt.Sprintf("%.3f %%", 100*part) },
		"clean":    clean,
		"bars":     bars,
		"timeline": func(spans []happening.Span) []bar { return timeline(spans, d.From, d.To) },
		"total":    sum,
	}
}

func sum(counts [report.Buckets]int64) (n int64) {
	for _, c := range counts {
		n += c
	}
	return n
}

// bars are the columns of what passed, and above them what was refused.
func bars(g *report.Guest) []bar {
	var most int64 = 1
	for i := range g.Passed {
		most = max(most, g.Passed[i]+g.Stopped[i])
	}
	var all []bar
	width := plotWidth / report.Buckets
	for i := range g.Passed {
		passed, refused := plotHeight*float64(g.Passed[i])/float64(most), plotHeight*float64(g.Stopped[i])/float64(most)
		x := float64(i) * width
		all = append(all, bar{X: x, Y: plotHeight - passed, Width: width - 1, Height: passed, Class: "passed", Title: fmt.Sprintf("%d passed", g.Passed[i])},
			bar{X: x, Y: plotHeight - passed - refused, Width: width - 1, Height: refused, Class: "refused", Title: fmt.Sprintf("%d refused", g.Stopped[i])})
	}
	return all
}

// timeline are the spans, from the left to the right.
func timeline(spans []happening.Span, from, to time.Time) []bar {
	var all []bar
	whole := float64(max(1, to.Sub(from)))
	for _, s := range spans {
		class := "open"
		if happening.Contained(s.State) {
			class = "held"
		}
		all = append(all, bar{X: plotWidth * float64(s.From.Sub(from)) / whole, Width: max(0.5, plotWidth*float64(s.To.Sub(s.From))/whole), Height: 10, Class: class,
			Title: clean(s.State) + " from " + s.From.UTC().Format("2006-01-02 15:04:05")})
	}
	return all
}

// clean makes what a guest chose visible: controls and marks of direction have their code.
func clean(text string) string {
	var b strings.Builder
	for _, r := range text {
		if r < 0x20 && r != '\n' || r >= 0x7f && r < 0xa0 || r >= 0x200b && r <= 0x200f || r >= 0x2028 && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0xfeff || r == 0xfffd {
			fmt.Fprintf(&b, `\u%04x`, r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}
