// Package interpreter evaluates rendered chains and sets as the kernel would, for one packet that opens a connection. It
// knows the words that the planner uses and fails on any other.
package interpreter

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"data-space.liqo.io/pkg/values/ipset"
	"data-space.liqo.io/pkg/values/iptables"
)

// Table is one family's own chains and sets.
type Table struct {
	chains map[string][]iptables.Rule
	sets   map[string]members
}

type members struct {
	set   ipset.Set
	exact map[ipset.Entry]bool
}

// Packet is what rules can match.
type Packet struct {
	From, To netip.Addr
	Protocol string
	Port     uint16
	State    string // conntrack's: NEW if empty
	NotSyn   bool   // a TCP packet that opens no connection
}

// Outcome is what became of a packet.
type Outcome struct {
	Verdict string // RETURN (to the built-in chain), REJECT or DROP
	Path    []Step
	Rules   int // looked at
}

// Step is a rule that matched.
type Step struct {
	Chain string
	Rule  iptables.Rule
}

// String is the step for people.
func (s Step) String() string { return s.Chain + ": " + s.Rule.Comment }

// New makes a table of chains and sets.
func New(chains []iptables.Chain, sets []ipset.Set) Table {
	t := Table{chains: map[string][]iptables.Rule{}, sets: map[string]members{}}
	for _, c := range chains {
		t.chains[c.Name] = c.Rules
	}
	for _, s := range sets {
		m := members{set: s, exact: make(map[ipset.Entry]bool, len(s.Entries))}
		for _, e := range s.Entries {
			m.exact[e] = true
		}
		t.sets[s.Name] = m
	}
	return t
}

// Run sends the packet through a chain that a built-in chain jumps to.
func (t Table) Run(chain string, p Packet) (Outcome, error) {
	w := walk{table: t, packet: p}
	verdict, err := w.chain(chain)
	return Outcome{Verdict: verdict, Path: w.path, Rules: w.rules}, err
}

type walk struct {
	table  Table
	packet Packet
	mark   uint32
	path   []Step
	rules  int
}

// chain returns RETURN if the packet comes back from the chain.
func (w *walk) chain(name string) (string, error) {
	rules, ok := w.table.chains[name]
	if !ok {
		return "", fmt.Errorf("no chain %s", name)
	}
	if len(name) > 28 {
		return "", fmt.Errorf("chain %s has too long a name", name)
	}
	for _, r := range rules {
		w.rules++
		hit, err := w.match(r.Words())
		if err != nil {
			return "", fmt.Errorf("chain %s rule %q: %w", name, r, err)
		}
		if !hit.all {
			continue
		}
		w.path = append(w.path, Step{name, r})
		switch {
		case hit.verb == "-g":
			return w.chain(hit.target)
		case hit.target == "RETURN":
			return "RETURN", nil
		case hit.target == "REJECT", hit.target == "DROP":
			return hit.target, nil
		case hit.target == "MARK":
			w.mark = w.mark&^hit.mask ^ hit.value
		case hit.target == "NFLOG":
		default:
			verdict, err := w.chain(hit.target)
			if err != nil || verdict != "RETURN" {
				return verdict, err
			}
		}
	}
	return "RETURN", nil
}

type hit struct {
	all          bool
	verb, target string
	value, mask  uint32
}

func (w *walk) match(args []string) (hit, error) {
	h := hit{all: true}
	not := false
	for i := 0; i < len(args); i++ {
		word := args[i]
		if word == "!" {
			not = true
			continue
		}
		value := ""
		if i+1 < len(args) {
			value = args[i+1]
		}
		ok, used, err := w.word(word, value, args[i+1:], &h)
		if err != nil {
			return h, err
		}
		if ok == not && decides(word) {
			h.all = false
		}
		not = false
		i += used
	}
	if h.verb == "" {
		return h, fmt.Errorf("no target")
	}
	return h, nil
}

func decides(word string) bool {
	return !slices.Contains([]string{"-m", "--comment", "-j", "-g", "--set-xmark", "--reject-with", "--limit", "--nflog-prefix", "--nflog-group"}, word)
}

// word judges one option; used is how many words it takes beside itself.
func (w *walk) word(word, value string, rest []string, h *hit) (ok bool, used int, err error) {
	p := w.packet
	switch word {
	case "-m", "--comment", "--reject-with", "--limit", "--nflog-prefix", "--nflog-group":
		return true, 1, nil
	case "-j", "-g":
		h.verb, h.target = word, value
		return true, 1, nil
	case "--set-xmark":
		h.value, h.mask, err = mark(value)
		return true, 1, err
	case "--mark":
		v, m, err := mark(value)
		return w.mark&m == v, 1, err
	case "-s":
		ok, err := within(p.From, value)
		return ok, 1, err
	case "-d":
		ok, err := within(p.To, value)
		return ok, 1, err
	case "-p":
		return p.Protocol == value, 1, nil
	case "--dport":
		return p.Port >= low(value) && p.Port <= high(value), 1, nil
	case "--dports":
		return slices.ContainsFunc(strings.Split(value, ","), func(r string) bool { return p.Port >= low(r) && p.Port <= high(r) }), 1, nil
	case "--ctstate":
		return slices.Contains(strings.Split(value, ","), p.state()), 1, nil
	case "--tcp-flags":
		return !p.NotSyn, 2, nil
	case "--icmpv6-type", "--hl-eq":
		return false, 1, nil
	case "--match-set":
		ok, err := w.inSet(value, rest[1])
		return ok, 2, err
	}
	return false, 0, fmt.Errorf("unknown word %q", word)
}

func (p Packet) state() string {
	if p.State == "" {
		return "NEW"
	}
	return p.State
}

func (w *walk) inSet(name, sides string) (bool, error) {
	s, ok := w.table.sets[name]
	if !ok {
		return false, fmt.Errorf("no set %s", name)
	}
	if len(name) > ipset.MaxName {
		return false, fmt.Errorf("set %s has too long a name", name)
	}
	ip := w.packet.From
	if strings.HasPrefix(sides, "dst") {
		ip = w.packet.To
	}
	e := ipset.Address(ip)
	switch s.set.Type {
	case ipset.IPPort:
		e.Protocol, e.Port = w.packet.Protocol, w.packet.Port
		return s.exact[e], nil
	case ipset.IP:
		return s.exact[e], nil
	case ipset.Net:
		return slices.ContainsFunc(s.set.Entries, func(e ipset.Entry) bool { return e.Prefix.Contains(ip) }), nil
	}
	return s.exact[e], nil
}

// within understands prefixes and masks with holes.
func within(ip netip.Addr, text string) (bool, error) {
	if prefix, err := netip.ParsePrefix(text); err == nil {
		return prefix.Contains(ip), nil
	}
	address, mask, _ := strings.Cut(text, "/")
	want, err := netip.ParseAddr(address)
	if err != nil {
		return false, err
	}
	m, err := netip.ParseAddr(mask)
	if err != nil || ip.BitLen() != want.BitLen() {
		return false, err
	}
	a, b, c := ip.AsSlice(), want.AsSlice(), m.AsSlice()
	for i := range a {
		if a[i]&c[i] != b[i] {
			return false, nil
		}
	}
	return true, nil
}

func mark(text string) (value, mask uint32, err error) {
	a, b, _ := strings.Cut(text, "/")
	v, err := strconv.ParseUint(a, 0, 32)
	if err != nil {
		return 0, 0, err
	}
	m, err := strconv.ParseUint(b, 0, 32)
	return uint32(v), uint32(m), err
}

func low(r string) uint16 {
	first, _, _ := strings.Cut(r, ":")
	n, _ := strconv.ParseUint(first, 10, 16)
	return uint16(n)
}

func high(r string) uint16 {
	_, last, ok := strings.Cut(r, ":")
	if !ok {
		return low(r)
	}
	n, _ := strconv.ParseUint(last, 10, 16)
	return uint16(n)
}
