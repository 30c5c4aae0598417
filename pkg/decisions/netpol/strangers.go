package netpol

import (
	"slices"
	"strconv"
	"strings"

	"data-space.liqo.io/pkg/values/iptables"
)

// MarkUse is a rule of another program that uses our mark bits.
type MarkUse struct {
	Where string `json:"where"` // the program that printed the rule, and its table
	Rule  string `json:"rule"`
	Mark  string `json:"mark"` // value and mask
}

// MarkUses returns the rules of other programs in an iptables-save's output that match or set one of the marks. where names the
// program that printed them. A rule that matches or sets these bits to zero is not returned: the filter clears the bits, only
// on packets of pods that a policy selects.
func MarkUses(where string, saved iptables.Saved, marks uint32) []MarkUse {
	var out []MarkUse
	for _, t := range saved.Tables {
		for _, c := range t.Chains {
			if strings.HasPrefix(c.Name, ChainPrefix) {
				continue
			}
			for _, r := range c.Rules {
				if mark := usedMark(r.Words, marks); mark != "" {
					out = append(out, MarkUse{Where: where + " " + t.Name, Rule: "-A " + c.Name + " " + r.String(), Mark: mark})
				}
			}
		}
	}
	return out
}

// usedMark returns the first mark among the rule's words that overlaps the marks; "" if none does.
func usedMark(rule []string, marks uint32) string {
	for i, word := range rule {
		if i+1 == len(rule) || !slices.Contains([]string{"--mark", "--set-xmark", "--set-mark", "--or-mark", "--xor-mark"}, word) {
			continue
		}
		if i > 0 && slices.Contains(rule[:i], "CONNMARK") || matchesConnection(rule[:i]) {
			continue // the mark of the connection, not of the packet
		}
		value, mask, err := parseMark(rule[i+1])
		if err == nil && value&mask&marks != 0 {
			return rule[i+1]
		}
	}
	return ""
}

// matchesConnection reports whether the last match module of the words is connmark.
func matchesConnection(words []string) bool {
	for i := len(words) - 1; i > 0; i-- {
		if words[i-1] == "-m" {
			return words[i] == "connmark"
		}
	}
	return false
}

// parseMark reads a mark as iptables prints it; without a mask it is the whole mark.
func parseMark(text string) (value, mask uint32, err error) {
	first, second, masked := strings.Cut(text, "/")
	v, err := strconv.ParseUint(first, 0, 32)
	if err != nil {
		return 0, 0, err
	}
	m := uint64(1<<32 - 1)
	if masked {
		if m, err = strconv.ParseUint(second, 0, 32); err != nil {
			return 0, 0, err
		}
	}
	return uint32(v), uint32(m), nil
}

// String names the rule.
func (u MarkUse) String() string { return u.Where + ": " + u.Rule }
