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
func (c *cell) word(s node.Setting) string {
	switch {
	case c == nil:
		return "not tried"
	case c.seen > 0 && s == node.Unguarded:
		return "**out**: " + strings.Join(short(c.what), ", ")
	case c.seen > 0:
		return "**LEAK**: " + strings.Join(short(c.what), ", ")
	case s != node.Unguarded:
		return nothing
	}
	all := strings.Join(c.answers, " ")
	switch {
	case strings.Contains(all, "not supported by protocol") || strings.Contains(all, "socket: protocol not supported"):
		return absent
	case strings.Contains(all, "socket: ") || strings.HasSuffix(all, "(family/type/protocol): "):
		return refused
	default:
		return opened
	}
}

// short are the things seen without where, each once.
func short(what []string) []string {
	var all []string
	for _, w := range what {
		w, _, _ = strings.Cut(w, " behind ")
		w, _, _ = strings.Cut(w, " in another ")
		if strings.HasPrefix(w, "TCP ") {
			w = "TCP"
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
				word := tables[n].cells[p][s].word(s)
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
