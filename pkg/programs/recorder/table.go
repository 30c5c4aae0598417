package recorder

import (
	"io"
	"text/tabwriter"
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
