package kernels

import (
	"fmt"
	"slices"
	"strings"

	"data-space.liqo.io/test/kernels/node"
)

// table is what became of each probe in each setting, over all places in which it was tried.
type table struct {
	probes   []string // in the order of the attempts
	settings []node.Setting
	cells    map[string]map[node.Setting]*cell
}

// cell is one probe in one setting.
type cell struct {
	tried, seen int
	what        []string // what came out of the pod
	answers     []string
}

func newTable(results []node.Result) *table {
	t := &table{cells: map[string]map[node.Setting]*cell{}}
	for _, s := range node.Settings() {
		if slices.ContainsFunc(results, func(r node.Result) bool { return r.Setting == s }) {
			t.settings = append(t.settings, s)
		}
	}
	for _, r := range results {
		if t.cells[r.Probe] == nil {
			t.probes = append(t.probes, r.Probe)
			t.cells[r.Probe] = map[node.Setting]*cell{}
		}
		c := t.cells[r.Probe][r.Setting]
		if c == nil {
			c = &cell{}
			t.cells[r.Probe][r.Setting] = c
		}
		c.tried++
		if len(r.Seen) > 0 {
			c.seen++
		}
		c.what, c.answers = merge(c.what, r.Seen...), merge(c.answers, r.Answer)
	}
	return t
}

func merge(into []string, more ...string) []string {
	for _, m := range more {
		if !slices.Contains(into, m) {
			into = append(into, m)
		}
	}
	return into
}

// leaks are the probes that got something out in a setting.
func (t *table) leaks(s node.Setting) []string {
	var all []string
	for _, p := range t.probes {
		if c := t.cells[p][s]; c != nil && c.seen > 0 {
			all = append(all, fmt.Sprintf("%s: %s [%s]", p, strings.Join(c.what, "; "), strings.Join(c.answers, " | ")))
		}
	}
	return all
}

// tally counts the attempts of a boot, and the ways that got something out: each probe of each family counts once in a setting.
func tally(results []node.Result) string {
	out := map[node.Setting]map[string]bool{}
	for _, r := range results {
		if out[r.Setting] == nil {
			out[r.Setting] = map[string]bool{}
		}
		if len(r.Seen) > 0 {
			out[r.Setting][fmt.Sprint(r.Probe, r.IPv6)] = true
		}
	}
	text := fmt.Sprintf("%d attempts; got out:", len(results))
	for _, s := range node.Settings() {
		text += fmt.Sprintf(" %s %d,", s, len(out[s]))
	}
	return strings.TrimSuffix(text, ",")
}

// uneven are the probes that were not tried as often as the first one, or not in both of the settings in which every probe is tried.
func (t *table) uneven() []string {
	var all []string
	for _, p := range t.probes {
		for _, s := range []node.Setting{node.Unguarded, node.Everything} {
			if t.cells[p][s] == nil {
				all = append(all, fmt.Sprintf("%s, %s: not tried", p, s))
			}
		}
		for s, c := range t.cells[p] {
			if first := t.cells[t.probes[0]][s]; first == nil || c.tried != first.tried {
				all = append(all, fmt.Sprintf("%s, %s: %d", p, s, c.tried))
			}
		}
	}
	return all
}

// packets are the probes that got more than frames beside IP out in a setting.
func (t *table) packets(s node.Setting) []string {
	var all []string
	for _, p := range t.probes {
		if c := t.cells[p][s]; c != nil && slices.ContainsFunc(c.what, func(w string) bool { return !strings.HasPrefix(w, "frame ") }) {
			all = append(all, fmt.Sprintf("%s: %s", p, strings.Join(c.what, "; ")))
		}
	}
	return all
}

// opened are the probes of other families that got a socket in a setting: some of these lead out where no frame is seen.
func (t *table) opened(s node.Setting) []string {
	var all []string
	for _, p := range t.probes {
		c := t.cells[p][s]
		if c == nil || !strings.HasPrefix(p, "beside IP: ") || strings.Contains(p, ": L2TP over IP") || strings.Contains(p, "on demand") {
			continue // those are sockets of IP and of netlink
		}
		for _, a := range c.answers {
			if !withoutSocket(a) {
				all = append(all, p+": "+a)
			}
		}
	}
	return all
}

// withoutSocket reports whether an attempt got no socket.
func withoutSocket(answer string) bool {
	return strings.Contains(answer, "socket: ") || strings.Contains(answer, "bad system call") || strings.TrimSpace(answer) == "opened (family/type/protocol):"
}

// sent reports whether a probe got something out in a setting, wherever it was tried.
func (t *table) sent(probe string, s node.Setting) bool {
	c := t.cells[probe][s]
	return c != nil && c.seen == c.tried
}
