package kubectlplugin

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"data-space.liqo.io/pkg/decisions/audit"
	"data-space.liqo.io/pkg/decisions/ruleview"
	"data-space.liqo.io/pkg/values/agentapi"
)

// Print writes the report. Ages are relative to now.
func Print(w io.Writer, r audit.Report, style Style, now time.Time) error {
	if !style.ForPeople() {
		return style.Encode(w, r)
	}
	if err := printTables(w, r, style, now); err != nil {
		return err
	}
	return printProblems(w, r, style)
}

// printTables writes the report for people: in 120 columns, unless the form is wide.
func printTables(w io.Writer, r audit.Report, style Style, now time.Time) error {
	nodes := style.grid("NODE", "AGENT", "IPTABLES", "FOREIGN PODS")
	for _, n := range r.Nodes {
		nodes.row(tint(len(n.Problems) == 0), fit(n.Name, nodeWidth, style.wide()), readiness(n), dash(n.Backend), strconv.Itoa(n.Pods))
	}
	head := []string{"GUEST", "POD", "NODE", "STATE", "RULES", "REPAIRED", "VERIFIED"}
	if style.wide() {
		head = append(head, "WRITTEN", "DRIFT", "HASH")
	}
	pods := style.grid(head...)
	for _, p := range r.Pods {
		pods.row(tint(p.Problem == ""), cells(p, style.wide(), now)...)
	}
	if err := nodes.writeTo(w); err != nil {
		return err
	}
	fmt.Fprintln(w)
	return pods.writeTo(w)
}

// tint is the colour of a row.
func tint(well bool) string {
	if well {
		return ""
	}
	return red
}

// Widths of the columns whose texts people choose. With the others they make 120.
const guestWidth, podWidth, nodeWidth, stateWidth = 14, 31, 18, 22

func cells(p audit.Row, wide bool, now time.Time) []string {
	state := string(p.State)
	if p.Reason != "" {
		state += " (" + p.Reason + ")"
	}
	all := []string{fit(p.Guest, guestWidth, wide), fit(p.Namespace+"/"+p.Name, podWidth, wide), fit(p.Node, nodeWidth, wide), fit(state, stateWidth, wide),
		strconv.Itoa(p.Rules), strconv.Itoa(p.Repaired), age(p.Verified, now)}
	if wide {
		all = append(all, age(p.Written, now), strconv.Itoa(p.Drift), dash(p.Hash))
	}
	return all
}

func printProblems(w io.Writer, r audit.Report, style Style) error {
	fmt.Fprintln(w)
	for _, p := range r.Problems() {
		fmt.Fprintln(w, style.paint(red, "problem: "+printable(p)))
	}
	if r.Healthy {
		_, err := fmt.Fprintln(w, style.paint(green, fmt.Sprintf("no problem: %d foreign pods on %d nodes", len(r.Pods), len(r.Nodes))))
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

// Rules writes the rules that the kernel holds for a foreign pod, each with its reason, its promise and its packets, and what is missing, as
// the agent of the pod's node reads them.
func Rules(ctx context.Context, cluster Cluster, stdout io.Writer, namespace, name string, style Style) error {
	_, agent, err := ofPod(ctx, cluster, namespace, name)
	if err != nil {
		return err
	}
	var rules agentapi.PodRules
	if err := askFor(ctx, cluster, agent, agentapi.RulesURL(namespace, name), &rules); err != nil {
		return err
	}
	if !style.ForPeople() {
		return style.Encode(stdout, rules)
	}
	return writeLines(stdout, ruleview.Text(rules, time.Now()))
}
