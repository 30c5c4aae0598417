package iptables

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Restore renders one table as iptables-restore reads it, counters included (use --counters). Without --noflush it
// replaces the whole table in one transaction: there is no moment with half of it.
func (t Table) Restore() string {
	var b strings.Builder
	fmt.Fprintf(&b, "*%s\n", t.Name)
	for _, c := range t.Chains {
		fmt.Fprintf(&b, ":%s %s %s\n", c.Name, c.Policy, c.Count)
	}
	for _, c := range t.Chains {
		for _, r := range c.Rules {
			fmt.Fprintf(&b, "%s -A %s %s\n", r.Count, c.Name, r)
		}
	}
	b.WriteString("COMMIT\n")
	return b.String()
}

// Restore renders all tables in their order.
func (s Ruleset) Restore() string {
	var b strings.Builder
	for _, t := range s.Tables {
		b.WriteString(t.Restore())
	}
	return b.String()
}

// Filling renders what adds the rules of all tables to built-in chains that are empty (use --noflush).
func (s Ruleset) Filling() string {
	return regexp.MustCompile(`(?m)^:\S+ (ACCEPT|DROP) .*\n`).ReplaceAllString(s.Restore(), "")
}

// Check returns an error if a word could not arrive as it is: iptables-restore reads lines, so a word that holds the end
// of one would smuggle in another rule.
func (s Ruleset) Check() error {
	for _, t := range s.Tables {
		for _, c := range t.Chains {
			for _, r := range c.Rules {
				if i := slices.IndexFunc(r.Args, func(w string) bool { return strings.ContainsAny(w, "\n\r\x00") }); i >= 0 {
					return fmt.Errorf("rule %q of %s/%s: the word %q holds a line end", r.Comment(), t.Name, c.Name, r.Args[i])
				}
			}
		}
	}
	return nil
}

// String is the rule's words as the command line has them.
func (r Rule) String() string {
	words := make([]string, len(r.Args))
	for i, a := range r.Args {
		words[i] = quote(a)
	}
	return strings.Join(words, " ")
}

func (c Counter) String() string { return fmt.Sprintf("[%d:%d]", c.Packets, c.Bytes) }

// quote writes a word so that iptables-restore reads it as one.
func quote(word string) string {
	if word != "" && !strings.ContainsAny(word, " \t\"'\\") {
		return word
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(word) + `"`
}
