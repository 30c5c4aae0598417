package table

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Print writes rows under a header, as columns of at most the given widths (in characters; the last may be 0 for any).
// Longer cells wrap at spaces.
func Print(w io.Writer, header []string, widths []int, rows [][]string) error {
	text := &strings.Builder{}
	rule := make([]string, len(widths))
	for i, width := range widths {
		rule[i] = strings.Repeat("-", max(width, utf8.RuneCountInString(header[i])))
	}
	for _, row := range append([][]string{header, rule}, rows...) {
		line(text, widths, row)
	}
	if _, err := io.WriteString(w, text.String()); err != nil {
		return fmt.Errorf("print the table: %w", err)
	}
	return nil
}

func line(text *strings.Builder, widths []int, row []string) {
	cells, height := make([][]string, len(row)), 0
	for i, cell := range row {
		cells[i] = wrap(cell, widths[i])
		height = max(height, len(cells[i]))
	}
	for at := range height {
		parts := make([]string, len(cells))
		for i, cell := range cells {
			part := ""
			if at < len(cell) {
				part = cell[at]
			}
			parts[i] = part + strings.Repeat(" ", max(0, widths[i]-utf8.RuneCountInString(part)))
		}
		text.WriteString(strings.TrimRight(strings.Join(parts, "  "), " ") + "\n")
	}
}

// wrap breaks text at spaces into lines of at most width characters; a longer word gets broken anywhere.
func wrap(text string, width int) []string {
	lines, current := []string{}, ""
	for _, word := range strings.Fields(text) {
		for width > 0 && utf8.RuneCountInString(word) > width {
			if current != "" {
				lines, current = append(lines, current), ""
			}
			runes := []rune(word)
			lines, word = append(lines, string(runes[:width])), string(runes[width:])
		}
		switch joined := current + " " + word; {
		case current == "":
			current = word
		case width == 0 || utf8.RuneCountInString(joined) <= width:
			current = joined
		default:
			lines, current = append(lines, current), word
		}
	}
	return append(lines, current)
}
