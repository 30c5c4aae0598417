package iptables

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Restore renders one table as iptables-restore reads it, counters included (use --counters). Without --noflush it
// replaces the whole table in one transaction: there is no moment with half of it.
func (t Table) Restore() string { return t.render(func(Chain) bool { return true }) }

// Filling renders what adds the table's rules to built-in chains that are empty (use --noflush): it declares no built-in
// chain, so that their policies stay as they are.
func (t Table) Filling() string { return t.render(func(c Chain) bool { return c.Policy == NoPolicy }) }

// render declares the chains that are to be declared, and renders all rules.
func (t Table) render(declared func(Chain) bool) string {
	var b strings.Builder
	b.WriteString("*" + t.Name + "\n")
	for _, c := range t.Chains {
		if declared(c) {
			b.WriteString(":" + c.Name + " " + string(c.Policy) + " " + c.Count.String() + "\n")
		}
	}
	var words []string
	for _, c := range t.Chains {
		for _, r := range c.Rules {
			words = r.appendWords(words[:0])
			b.WriteString(r.Count.String() + " -A " + c.Name + " ")
			join(&b, words)
			b.WriteByte('\n')
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

// Check returns an error if a word could not arrive as it is: iptables-restore reads lines, so a word that holds the end
// of one would smuggle in another rule.
func (s Ruleset) Check() error {
	for _, t := range s.Tables {
		for _, c := range t.Chains {
			for _, r := range c.Rules {
				words := r.Words()
				if i := slices.IndexFunc(words, func(w string) bool { return strings.ContainsAny(w, "\n\r\x00") }); i >= 0 {
					return fmt.Errorf("rule %q of %s/%s: the word %q holds a line end", r.Comment, t.Name, c.Name, words[i])
				}
			}
		}
	}
	return nil
}

// Words returns what follows "-A CHAIN" on the command line of the iptables programs.
func (r Rule) Words() []string { return r.appendWords(nil) }

func (r Rule) appendWords(to []string) []string {
	for _, m := range r.Matches {
		to = m.words(to)
	}
	if r.Comment != "" {
		to = append(to, "-m", "comment", "--comment", r.Comment)
	}
	if r.Target != nil {
		to = r.Target.words(to)
	}
	return to
}

// String is the rule's words as iptables-restore reads them.
func (r Rule) String() string {
	return joined(r.appendWords(make([]string, 0, 32)))
}

// String is the counter as iptables-save prints it.
func (c Counter) String() string {
	return "[" + strconv.FormatUint(c.Packets, 10) + ":" + strconv.FormatUint(c.Bytes, 10) + "]"
}

// joined is the words in one line.
func joined(words []string) string {
	length := len(words)
	for _, w := range words {
		length += len(w)
	}
	var b strings.Builder
	b.Grow(length + 2) // quotes, as most comments have them
	join(&b, words)
	return b.String()
}

// join writes words so that iptables-restore reads each of them as one.
func join(b *strings.Builder, words []string) {
	for i, word := range words {
		if i > 0 {
			b.WriteByte(' ')
		}
		if word != "" && !strings.ContainsAny(word, " \t\"'\\") {
			b.WriteString(word)
			continue
		}
		b.WriteString(`"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(word) + `"`)
	}
}
