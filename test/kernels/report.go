package kernels

import (
	"fmt"
	"slices"
	"strings"

	"data-space.liqo.io/test/kernels/node"
)

// Words for cells. An absent socket is one that the kernel does not have, or not for a pod's network namespace.
const (
	absent  = "no such socket"
	refused = "refused"
	opened  = "opened, nothing out"
	nothing = "nothing"
)

// word is a cell for the reader: what came out, or how far the attempt got.
func (c *cell) word(probe string, s node.Setting) string {
	if c == nil {
		return "not tried"
	}
	out := short(c.what)
	if s == node.Unguarded && !strings.Contains(probe, "RDS") {
		out = slices.DeleteFunc(out, func(w string) bool { return w == repeated })
	}
	all, got := strings.Join(c.answers, " "), slices.ContainsFunc(c.answers, func(a string) bool { return !withoutSocket(a) })
	switch confined := s == node.RulesAndProfile || s == node.Everything; {
	case len(out) > 0 && s == node.Unguarded:
		return "**out**: " + strings.Join(out, ", ")
	case len(out) > 0:
		return "**LEAK**: " + strings.Join(out, ", ")
	case s == node.Unguarded && (strings.Contains(all, "not supported by protocol") || strings.Contains(all, "socket: protocol not supported")):
		return absent
	case !got && (confined || s == node.Unguarded):
		return refused
	case s == node.Unguarded:
		return opened
	default:
		return nothing
	}
}

// repeated is what the kernel's RDS sends from the unguarded pod for minutes, while other probes are tried: its connection is not
// answered. The judge counts it all the same.
const repeated = "TCP to 16385"

// short are the things seen without where and without the sender's port, each once.
func short(what []string) []string {
	var all []string
	for _, w := range what {
		w, _, _ = strings.Cut(w, " behind ")
		w, _, _ = strings.Cut(w, " in another ")
		if _, to, found := strings.Cut(w, " to "); found {
			w = "TCP to " + to
		}
		all = merge(all, w)
	}
	slices.Sort(all)
	return all
}

// report is the table of several kernels as Markdown: a row for each probe that got a socket on any of them.
func report(names []string, tables map[string]*table) string {
	var b strings.Builder
	head, line := "| probe |", "|---|"
	for _, n := range names {
		for _, s := range tables[n].settings {
			head, line = head+fmt.Sprintf(" %s: %s |", kernelName(n), s), line+"---|"
		}
	}
	b.WriteString(head + "\n" + line + "\n")
	var without []string
	for _, p := range tables[names[0]].probes {
		name := strings.TrimPrefix(p, "beside IP: ")
		row, dull := "| "+name+" |", true
		for _, n := range names {
			for _, s := range tables[n].settings {
				word := tables[n].cells[p][s].word(p, s)
				dull = dull && (word == absent || word == refused || word == nothing)
				row += " " + word + " |"
			}
		}
		if dull {
			without = append(without, name)
			continue
		}
		b.WriteString(row + "\n")
	}
	fmt.Fprintf(&b, "\nRefused, or not in these kernels or not in a pod, without and with the defences: %s.\n", strings.Join(without, "; "))
	return b.String()
}

// kernelName is the version of a kernel's package: "linux-image-6.1.0-57-amd64 6.1.192-3" is 6.1.192-3.
func kernelName(version string) string {
	_, name, _ := strings.Cut(version, " ")
	return name
}
