package recorder

import (
	"cmp"
	"fmt"
	"io"
	"text/tabwriter"

	"data-space.liqo.io/pkg/decisions/record"
)

// tableRows is how many rows have common columns. A tabwriter keeps in memory what it aligns, a record may have millions of lines, and
// the command that prints them shares the memory limit of the agent, in whose container it runs.
const tableRows = 1000

// table aligns the columns of the rows that are written to it, a bounded number at a time.
type table struct {
	*tabwriter.Writer
	rows int
}

func newTable(w io.Writer) *table {
	const minWidth, padding = 0, 2
	return &table{Writer: tabwriter.NewWriter(w, minWidth, 0, padding, ' ', 0)}
}

// Write takes one row.
func (t *table) Write(row []byte) (int, error) {
	if t.rows == tableRows {
		t.rows = 0
		if err := t.Flush(); err != nil {
			return 0, err
		}
	}
	t.rows++
	return t.Writer.Write(row)
}

// head writes the first row.
func (q Query) head(w io.Writer) {
	switch {
	case q.JSON:
	case q.Brief:
		fmt.Fprintln(w, "TIME\tPOD\tDIR\tEVENT\tWHAT\tCODE\tPROXY ANSWERED")
	default:
		fmt.Fprintln(w, "TIME\tGUEST\tPOD\tDIRECTION\tEVENT\tWHAT\tCODE\tPROXY ANSWERED")
	}
}

// Widths of the columns of a brief table. With the others they make 120.
const podWidth, whatWidth, eventWidth, ownWidth = 27, 40, 8, 14

// brief writes a row of a brief table.
func brief(w io.Writer, e record.Entry, l record.Logged, what, own string) {
	at := ascii(e.Time)
	if len(at) >= len("2006-01-02T15:04:05") {
		at = at[len("2006-"):len("2006-01-02")] + " " + at[len("2006-01-02T"):len("2006-01-02T15:04:05")]
	}
	direction := map[string]string{"egress": "out", "ingress": "in"}[l.Direction]
	event := map[string]string{"Begin": "begin", "DownstreamEnd": "end", "TcpConnectionEnd": "closed"}[l.Event]
	fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%s\n", at, shortened(ascii(about(e)), podWidth), cmp.Or(direction, "-"),
		shortened(ascii(cmp.Or(event, l.Event, "text")), eventWidth), shortened(ascii(what), whatWidth), l.Code, shortened(ascii(cmp.Or(own, "-")), ownWidth))
}

// shortened leaves out the middle of a text in ASCII that is too long.
func shortened(text string, width int) string {
	const gap = ".."
	if len(text) <= width {
		return text
	}
	head := (width - len(gap)) / 2
	return text[:head] + gap + text[len(text)-(width-len(gap)-head):]
}
