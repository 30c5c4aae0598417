package kubectlplugin

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"sigs.k8s.io/yaml"

	"data-space.liqo.io/pkg/decisions/audit"
)

// Print writes the report in a form: table, wide, json or yaml. Ages are relative to now.
func Print(w io.Writer, r audit.Report, form string, now time.Time) error {
	if form == "table" || form == "wide" {
		return printTables(w, r, form == "wide", now)
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err == nil && form == "yaml" {
		text, err = yaml.JSONToYAML(text)
	}
	if err == nil {
		_, err = w.Write(append(text, '\n'))
	}
	return err
}

// printTables writes the report for people: in 120 columns, unless wide is set.
func printTables(w io.Writer, r audit.Report, wide bool, now time.Time) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NODE\tAGENT\tIPTABLES\tFOREIGN PODS")
	for _, n := range r.Nodes {
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\n", fit(n.Name, nodeWidth, wide), readiness(n), dash(n.Backend), n.Pods)
	}
	fmt.Fprintln(t)
	fmt.Fprint(t, "GUEST\tPOD\tNODE\tSTATE\tRULES\tREPAIRED\tVERIFIED")
	if wide {
		fmt.Fprint(t, "\tWRITTEN\tDRIFT\tHASH")
	}
	fmt.Fprintln(t)
	for _, p := range r.Pods {
		row(t, p, wide, now)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	return printProblems(w, r)
}

// Widths of the columns whose texts people choose. With the others they make 120.
const guestWidth, podWidth, nodeWidth, stateWidth = 14, 31, 18, 22

func row(w io.Writer, p audit.Row, wide bool, now time.Time) {
	state := string(p.State)
	if p.Reason != "" {
		state += " (" + p.Reason + ")"
	}
	fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%d\t%s", fit(p.Guest, guestWidth, wide), fit(p.Namespace+"/"+p.Name, podWidth, wide), fit(p.Node, nodeWidth, wide),
		fit(state, stateWidth, wide), p.Rules, p.Repaired, age(p.Verified, now))
	if wide {
		fmt.Fprintf(w, "\t%s\t%d\t%s", age(p.Written, now), p.Drift, dash(p.Hash))
	}
	fmt.Fprintln(w)
}

func printProblems(w io.Writer, r audit.Report) error {
	fmt.Fprintln(w)
	for _, n := range r.Nodes {
		for _, p := range n.Problems {
			fmt.Fprintf(w, "problem: node %s: %s\n", n.Name, printable(p))
		}
	}
	for _, p := range r.Pods {
		if p.Problem != "" {
			fmt.Fprintf(w, "problem: pod %s/%s: %s\n", p.Namespace, p.Name, printable(p.Problem))
		}
	}
	if r.Healthy {
		_, err := fmt.Fprintf(w, "no problem: %d foreign pods on %d nodes\n", len(r.Pods), len(r.Nodes))
		return err
	}
	return nil
}

func readiness(n audit.Node) string {
	if n.Ready {
		return "ready"
	}
	return "not ready"
}

// fit shortens a text in its middle, where names differ least.
func fit(text string, width int, wide bool) string {
	runes := []rune(text)
	if wide || len(runes) <= width {
		return dash(text)
	}
	head := (width - 1) / 2
	return string(runes[:head]) + "…" + string(runes[len(runes)-(width-1-head):])
}

func age(t *time.Time, now time.Time) string {
	if t == nil {
		return "never"
	}
	return now.Sub(*t).Round(time.Second).String() + " ago"
}

func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
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
