package kubectlplugin

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"sigs.k8s.io/yaml"
)

// Forms of an answer.
const (
	FormTable = "table"
	FormWide  = "wide"
	FormJSON  = "json"
	FormYAML  = "yaml"
)

// Style is how an answer is printed.
type Style struct {
	Form   string
	Colour bool // the answer goes to a terminal
}

func (s Style) wide() bool { return s.Form == FormWide }

// ForPeople reports whether the form is a table.
func (s Style) ForPeople() bool { return s.Form == FormTable || s.Form == FormWide }

// Encode writes a value as JSON or YAML.
func (s Style) Encode(w io.Writer, value any) error {
	text, err := json.MarshalIndent(value, "", "  ")
	if err == nil && s.Form == FormYAML {
		text, err = yaml.JSONToYAML(text)
	} else {
		text = append(text, '\n')
	}
	if err == nil {
		_, err = w.Write(text)
	}
	return err
}

// Colours of a terminal (ECMA-48).
const red, green, yellow, faint = "31", "32", "33", "2"

func (s Style) paint(colour, text string) string {
	if !s.Colour || colour == "" {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

// grid is a table whose cells may have a colour.
type grid struct {
	style Style
	text  strings.Builder
	cells *tabwriter.Writer
	tints []string // of the rows
}

func (s Style) grid(head ...string) *grid {
	g := &grid{style: s}
	g.cells = tabwriter.NewWriter(&g.text, 0, 0, 2, ' ', 0)
	g.row("", head...)
	return g
}

// row adds a row in a colour; "" has none.
func (g *grid) row(colour string, cells ...string) {
	fmt.Fprintln(g.cells, strings.Join(cells, "\t"))
	g.tints = append(g.tints, colour)
}

// writeTo writes the table: the colours come after the columns were aligned.
func (g *grid) writeTo(w io.Writer) error {
	if err := g.cells.Flush(); err != nil {
		return err
	}
	i := 0
	for line := range strings.Lines(g.text.String()) {
		text := strings.TrimRight(line, " \n")
		if _, err := fmt.Fprintln(w, g.style.paint(g.tints[min(i, len(g.tints)-1)], text)); err != nil {
			return err
		}
		i++
	}
	return nil
}
