package iptables

import "strconv"

// Target is what becomes of a packet that a rule matches. The types of this package are all there are; values are
// comparable with ==.
type Target interface {
	// Prose returns the target in English, as a sentence's object ("ACCEPT", "set the mark *proxy*, go on").
	Prose(names Names) string
	// words appends the target as iptables-restore reads it.
	words(to []string) []string
}

// Verdict decides a packet. It is a rule's target, or the policy of a built-in chain for packets that no rule decided.
type Verdict string

// The verdicts. A policy is Accept or Drop; a chain that is not built in has NoPolicy.
const (
	Accept   Verdict = "ACCEPT"
	Drop     Verdict = "DROP"
	Return   Verdict = "RETURN" // to the chain that called this one; at the end of a built-in chain, to its policy
	NoPolicy Verdict = "-"
)

// Prose is the verdict.
func (t Verdict) Prose(Names) string { return string(t) }

func (t Verdict) words(to []string) []string { return append(to, "-j", string(t)) }

// Jump calls a chain; packets that it does not decide return to the next rule.
type Jump string

// Prose is the chain.
func (t Jump) Prose(Names) string { return string(t) }

func (t Jump) words(to []string) []string { return append(to, "-j", string(t)) }

// Goto leads to a chain; packets that it does not decide return to the caller of the present chain.
type Goto string

// Prose is the chain.
func (t Goto) Prose(Names) string { return "go to " + string(t) }

func (t Goto) words(to []string) []string { return append(to, "-g", string(t)) }

// ChainOf returns the chain that a target leads to; "" for targets that lead to no chain.
func ChainOf(t Target) string {
	switch t := t.(type) {
	case Jump:
		return string(t)
	case Goto:
		return string(t)
	}
	return ""
}

// Reject drops the packet and sends an answer of this type, by iptables' name for it.
type Reject string

// The answers.
const (
	RejectReset  Reject = "tcp-reset"
	RejectICMP   Reject = "icmp-admin-prohibited"
	RejectICMPv6 Reject = "icmp6-adm-prohibited"
)

// Prose is the answer.
func (t Reject) Prose(Names) string { return "REJECT (" + string(t) + ")" }

func (t Reject) words(to []string) []string {
	return append(to, "-j", "REJECT", "--reject-with", string(t))
}

// Redirect changes the destination to this port of the namespace itself.
type Redirect uint16

// Prose is the port.
func (t Redirect) Prose(Names) string { return "redirect to port " + strconv.Itoa(int(t)) }

func (t Redirect) words(to []string) []string {
	return append(to, "-j", "REDIRECT", "--to-ports", strconv.Itoa(int(t)))
}

// SetConnMark sets the masked bits of the connection's mark to the value, and goes on with the next rule.
type SetConnMark struct{ Mark Mark }

// Prose names the mark.
func (t SetConnMark) Prose(names Names) string {
	return "set " + t.Mark.named(names.ConnMarks) + ", go on"
}

func (t SetConnMark) words(to []string) []string {
	return append(to, "-j", "CONNMARK", "--set-xmark", t.Mark.full())
}

// SetMark sets the masked bits of the packet's mark to the value, and goes on with the next rule.
type SetMark struct{ Mark Mark }

// Prose names the mark.
func (t SetMark) Prose(names Names) string {
	return "set " + t.Mark.named(names.PacketMarks) + " on the packet, go on"
}

func (t SetMark) words(to []string) []string {
	return append(to, "-j", "MARK", "--set-xmark", t.Mark.full())
}

// NFLog logs the packet to an NFLOG group, and goes on with the next rule.
type NFLog struct {
	Prefix string
	Group  uint16
}

// Prose names the group.
func (t NFLog) Prose(Names) string {
	return "log to NFLOG group " + strconv.Itoa(int(t.Group)) + ", go on"
}

func (t NFLog) words(to []string) []string {
	return append(to, "-j", "NFLOG", "--nflog-prefix", t.Prefix, "--nflog-group", strconv.Itoa(int(t.Group)))
}
