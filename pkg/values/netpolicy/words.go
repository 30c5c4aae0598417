package netpolicy

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"unicode"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
)

// ParseLines reads what Policy.Lines has written: a policy that judges every packet as the one that was described. What it
// would select in mode Audit is left out.
func ParseLines(key Key, lines []string) (Policy, error) {
	p := Policy{Key: key}
	if len(lines) == 0 {
		return p, fmt.Errorf("the words of policy %s are missing", key)
	}
	target, is := strings.CutPrefix(lines[0], selects)
	target, _, _ = strings.Cut(target, audits)
	err := error(nil)
	if p.Target, err = selectorIn(target); err != nil || !is {
		return p, fmt.Errorf("the words of policy %s: %q does not name pods: %w", key, lines[0], err)
	}
	for _, line := range lines[1:] {
		if err := p.read(line); err != nil {
			return p, fmt.Errorf("the words of policy %s: %q: %w", key, line, err)
		}
	}
	return p, nil
}

// read reads one line of what Policy.Lines writes. A direction that is named isolates, also where nothing is allowed in it.
func (p *Policy) read(line string) error {
	direction, rest, _ := strings.Cut(line, ": ")
	side, prefix := &p.Ingress, "from "
	switch direction {
	case "ingress":
	case "egress":
		side, prefix = &p.Egress, "to "
	default:
		return fmt.Errorf("no direction")
	}
	side.Isolates = true
	if rest == nothing {
		return nil
	}
	rest, is := strings.CutPrefix(rest, prefix)
	at := strings.LastIndex(rest, ports)
	if !is || at < 0 {
		return fmt.Errorf("no peers or no ports")
	}
	r := Rule{}
	var err error
	if r.AnyPeer, r.Peers, err = unlisted(rest[:at], peerIn); err != nil {
		return err
	}
	r.AnyPort, r.Ports, err = unlisted(rest[at+len(ports):], portIn)
	side.Rules = append(side.Rules, r)
	return err
}

// unlisted reads what listed has written.
func unlisted[T any](text string, read func(string) (T, error)) (every bool, all []T, err error) {
	if text == anyOf {
		return true, nil, nil
	}
	for part := range strings.SplitSeq(text, "; ") {
		one, err := read(part)
		if err != nil {
			return false, nil, err
		}
		all = append(all, one)
	}
	return false, all, nil
}

// peerIn reads what Peer.String writes.
func peerIn(text string) (Peer, error) {
	if text == nobody {
		return Peer{}, nil
	}
	if names, is := strings.CutPrefix(text, "pods "); is {
		names, spaces, elsewhere := strings.Cut(names, within)
		pods, err := selectorIn(names)
		if err != nil || !elsewhere {
			return Peer{Pods: &pods}, err
		}
		namespaces, err := selectorIn(spaces)
		return Peer{Pods: &pods, Namespaces: &namespaces}, err
	}
	cidr, list, _ := strings.Cut(text, except)
	b := Block{}
	var err error
	if b.CIDR, err = netip.ParsePrefix(cidr); err != nil || list == "" {
		return Peer{Block: &b}, err
	}
	for part := range strings.SplitSeq(list, ",") {
		prefix, err := netip.ParsePrefix(part)
		if err != nil {
			return Peer{}, err
		}
		b.Except = append(b.Except, prefix)
	}
	return Peer{Block: &b}, nil
}

// portIn reads what Port.String wrote: a protocol, and after a slash the name, the number or the range FIRST-LAST of ports. Without a slash it is
// every port of the protocol.
func portIn(text string) (Port, error) {
	if text == noPort {
		return Port{}, nil
	}
	protocol, port, some := strings.Cut(text, "/")
	p := Port{Protocol: Protocol(protocol), Last: 65535}
	if p.Protocol != TCP && p.Protocol != UDP && p.Protocol != SCTP {
		return p, fmt.Errorf("%q: no known protocol", text)
	}
	if !some {
		return p, nil
	}
	if strings.ContainsFunc(port, unicode.IsLetter) { // as each name of a port has
		return Port{Protocol: p.Protocol, Name: port}, nil
	}
	first, last, isRange := strings.Cut(port, "-")
	if !isRange {
		last = first
	}
	from, err := strconv.ParseUint(first, 10, 16)
	to, endErr := strconv.ParseUint(last, 10, 16)
	p.First, p.Last = uint16(from), uint16(to)
	return p, errors.Join(err, endErr)
}

// selectorIn reads a selector's words.
func selectorIn(text string) (Selector, error) {
	if text == "" || text == every {
		return Everything(), nil
	}
	s := labels.NewSelector()
	for part := range strings.SplitSeq(text, ",") {
		r, err := requirementIn(part)
		if err != nil {
			return Selector{}, err
		}
		s = s.Add(*r)
	}
	return selectorFrom(s)
}

func requirementIn(text string) (*labels.Requirement, error) {
	for sign, operator := range map[string]selection.Operator{" notin (": selection.NotIn, " in (": selection.In} {
		if key, values, is := strings.Cut(text, sign); is {
			return labels.NewRequirement(key, operator, strings.Split(strings.TrimSuffix(values, ")"), "|"))
		}
	}
	if key, value, is := strings.Cut(text, "="); is {
		return labels.NewRequirement(key, selection.In, []string{value})
	}
	if key, is := strings.CutPrefix(text, "!"); is {
		return labels.NewRequirement(key, selection.DoesNotExist, nil)
	}
	return labels.NewRequirement(strings.TrimPrefix(text, "+"), selection.Exists, nil)
}
