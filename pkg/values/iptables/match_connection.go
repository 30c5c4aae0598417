package iptables

import (
	"fmt"
	"strconv"
	"strings"
)

// ConnState is one of conntrack's states of a packet, or several.
type ConnState uint8

// The states.
const (
	Invalid     ConnState = 1 << iota // conntrack cannot place the packet
	New                               // it opens a connection
	Related                           // it belongs to another connection, for instance an ICMP error
	Established                       // of a connection that has seen packets in both directions
	DNAT                              // nat has changed the connection's destination
)

// each returns the names of the states, in the order in which iptables-save prints them.
func (s ConnState) each() []string {
	var names []string
	for i, name := range []string{"INVALID", "NEW", "RELATED", "ESTABLISHED", "DNAT"} {
		if s&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// State matches packets that are in one of the states (-m conntrack).
type State struct {
	Of    ConnState
	Not   bool
	Reply bool // and that answer the connection's first packet
}

// Prose names the packet's conntrack states.
func (m State) Prose(Names) string {
	switch {
	case m.Of == Invalid && !m.Not:
		return "which conntrack cannot place"
	case m.Of == DNAT && m.Not:
		return "which nat has not redirected"
	case m.Of == DNAT:
		return "which nat has redirected"
	}
	text := negated(m.Not, "in connection state "+strings.Join(m.Of.each(), " or "))
	if m.Reply {
		text += " and in answer"
	}
	return text
}

func (m State) words(to []string) []string {
	to = extension(to, "conntrack", m.Not, "--ctstate", strings.Join(m.Of.each(), ","))
	if m.Reply {
		to = append(to, "--ctdir", "REPLY")
	}
	return to
}

// Packets matches the first packets of one direction of a connection, up to a number (-m connbytes).
type Packets struct {
	UpTo  int
	Reply bool // the direction of the answer, not of the caller
}

// Prose is the number and the direction.
func (m Packets) Prose(Names) string {
	if m.Reply {
		return fmt.Sprintf("up to packet %d of the answer", m.UpTo)
	}
	return fmt.Sprintf("up to packet %d of the caller", m.UpTo)
}

func (m Packets) words(to []string) []string {
	direction := "original"
	if m.Reply {
		direction = "reply"
	}
	return extension(to, "connbytes", false, "--connbytes", "1:"+strconv.Itoa(m.UpTo), "--connbytes-mode", "packets", "--connbytes-dir", direction)
}

// ConnMark matches packets of connections that bear the mark in conntrack.
type ConnMark struct{ Mark Mark }

// Prose names the mark.
func (m ConnMark) Prose(names Names) string {
	return "its connection bears " + m.Mark.named(names.ConnMarks)
}

func (m ConnMark) words(to []string) []string {
	return extension(to, "connmark", false, "--mark", m.Mark.String())
}

// PacketMark matches packets that bear the mark.
type PacketMark struct {
	Mark Mark
	Not  bool
}

// Prose names the mark.
func (m PacketMark) Prose(names Names) string {
	return "its packet mark is " + negated(m.Not, m.Mark.named(names.PacketMarks))
}

func (m PacketMark) words(to []string) []string {
	return extension(to, "mark", m.Not, "--mark", m.Mark.String())
}
