package kubectlplugin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"unicode"
	"unicode/utf16"

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

// StyleFor returns the style of an answer that is written to w: with colours if w is a terminal, unless the environment variable NO_COLOR is set
// (https://no-color.org).
func StyleFor(w io.Writer, form string) Style {
	s := Style{Form: form}
	if out, is := w.(*os.File); is && os.Getenv("NO_COLOR") == "" {
		info, err := out.Stat()
		s.Colour = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return s
}

func (s Style) wide() bool { return s.Form == FormWide }

// ForPeople reports whether the form is a table.
func (s Style) ForPeople() bool { return s.Form == FormTable || s.Form == FormWide }

// Encode writes a value as JSON or YAML.
func (s Style) Encode(w io.Writer, value any) error {
	text, err := json.MarshalIndent(value, "", "  ")
	if err == nil && s.Form == FormYAML {
		text, err = toYAML(text)
	} else {
		text = append(plain(text), '\n')
	}
	if err == nil {
		_, err = w.Write(text)
	}
	return err
}

// plain returns JSON with the codes of the characters that a terminal would obey or not show. They are in strings only, which are the same by their codes.
func plain(text []byte) []byte {
	return coded(text, func(r rune) (code string) {
		for _, unit := range utf16.Encode([]rune{r}) {
			code += fmt.Sprintf(`\u%04x`, unit)
		}
		return code
	})
}

// toYAML returns JSON as YAML. The library reads JSON as YAML, which has no control characters and no codes of half a character, and it writes marks of direction
// as they are: they have their codes here, also in texts without quotation marks.
func toYAML(text []byte) ([]byte, error) {
	in := json.NewDecoder(bytes.NewReader(text))
	in.UseNumber()
	var value any
	if err := in.Decode(&value); err != nil {
		return nil, err
	}
	text, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	code := func(r rune) string { return fmt.Sprintf(`\U%08x`, r) }
	text, err = yaml.JSONToYAML(coded(text, code))
	return coded(text, code), err
}

// coded returns a text with codes of what is not printable.
func coded(text []byte, code func(r rune) string) []byte {
	var b bytes.Buffer
	for _, r := range string(text) {
		if r == '\n' || unicode.IsPrint(r) {
			b.WriteRune(r)
		} else {
			b.WriteString(code(r))
		}
	}
	return b.Bytes()
}

// writeLines writes a text of several lines.
func writeLines(w io.Writer, text string) error {
	for line := range strings.Lines(text) {
		if _, err := fmt.Fprintln(w, printable(strings.TrimSuffix(line, "\n"))); err != nil {
			return err
		}
	}
	return nil
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
	shown := make([]string, len(cells))
	for i, text := range cells {
		shown[i] = printable(text)
	}
	fmt.Fprintln(g.cells, strings.Join(shown, "\t"))
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

// printable replaces what a terminal would obey: messages quote what other programs print.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, text)
}
