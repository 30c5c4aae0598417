package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

// measure is one row of the table.
type measure struct {
	name, bar, value string
	is               float64 // the value as a number
	everything       string  // the same of the whole tree, tests included; "": it is not measured
	met              bool
	worst            []string
}

// most is how many of the worst places are printed.
const most = 8

func show(w io.Writer, all []measure) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "measure of pkg and cmd, without tests\tbar\tis\t\twhole tree, with tests")
	for _, m := range all {
		verdict := ""
		if !m.met {
			verdict = "MISSED"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", m.name, m.bar, m.value, verdict, m.everything)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, m := range all {
		if len(m.worst) == 0 {
			continue
		}
		fmt.Fprintf(w, "\n%s: %s (bar %s)\n", m.name, m.value, m.bar)
		for _, place := range m.worst[:min(most, len(m.worst))] {
			fmt.Fprintln(w, "  "+place)
		}
		if rest := len(m.worst) - most; rest > 0 {
			fmt.Fprintf(w, "  and %d more\n", rest)
		}
	}
	return nil
}

func rows(w io.Writer, all []measure) error {
	for _, m := range all {
		if _, err := fmt.Fprintf(w, "%s\t%.2f\n", m.name, m.is); err != nil {
			return err
		}
	}
	return nil
}

func atMost(name string, bar, is int, worst []string) measure {
	return measure{name: name, bar: fmt.Sprintf("<= %d", bar), value: fmt.Sprint(is), is: float64(is), met: is <= bar, worst: worst}
}

// share is a measure in per cent, which should be at least (or at most) the bar.
func share(name string, bar, part, total int, atLeast bool, worst []string) measure {
	is, sign := 0, "<="
	if total > 0 {
		is = part * 100 / total
	}
	met := is <= bar
	if atLeast {
		sign, met = ">=", is >= bar
	}
	return measure{name: name, bar: fmt.Sprintf("%s %d %%", sign, bar), value: fmt.Sprintf("%d %% of %d", is, total), is: float64(is), met: met, worst: worst}
}

func ratio(name string, bar float64, part, total int, worst []string) measure {
	is := 0.0
	if total > 0 {
		is = float64(part) / float64(total)
	}
	return measure{name: name, bar: fmt.Sprintf(">= %.2f", bar), value: fmt.Sprintf("%.2f", is), is: is, met: is >= bar, worst: worst}
}

// poorest returns the packages with the fewest comments for their code, of those that are large enough to matter.
func poorest(comments, code map[string]int) []string {
	type poor struct {
		ratio  float64
		folder string
	}
	var all []poor
	for folder, lines := range code {
		if lines >= 100 {
			all = append(all, poor{float64(comments[folder]) / float64(lines), folder})
		}
	}
	slices.SortFunc(all, func(a, b poor) int {
		if a.ratio < b.ratio {
			return -1
		}
		return 1
	})
	var places []string
	for _, p := range all {
		if p.ratio < 0.2 {
			places = append(places, fmt.Sprintf("%.2f %s", p.ratio, p.folder))
		}
	}
	return places
}
