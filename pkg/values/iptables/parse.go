package iptables

import (
	"fmt"
	"slices"
	"strings"
)

// ParseSave reads what iptables-save [-c] printed. A line that it does not understand is an error that names the line:
// a ruleset that is only partly understood must not be judged.
func ParseSave(family Family, text string) (Ruleset, error) {
	p := saveParser{set: Ruleset{Family: family}}
	for n, line := range strings.Split(text, "\n") {
		if err := p.line(strings.TrimSpace(line)); err != nil {
			return Ruleset{}, fmt.Errorf("iptables-save (%s) line %d %q: %w", family, n+1, line, err)
		}
	}
	if p.table != nil {
		return Ruleset{}, fmt.Errorf("iptables-save (%s): table %s has no COMMIT", family, p.table.Name)
	}
	return p.set, nil
}

type saveParser struct {
	set   Ruleset
	table *Table
}

func (p *saveParser) line(line string) error {
	switch {
	case line == "" || strings.HasPrefix(line, "#"):
		return nil
	case strings.HasPrefix(line, "*"):
		if p.table != nil {
			return fmt.Errorf("table %s has no COMMIT", p.table.Name)
		}
		p.table = &Table{Name: line[1:]}
		return nil
	case p.table == nil:
		return fmt.Errorf("outside a table")
	case line == "COMMIT":
		p.set.Tables = append(p.set.Tables, *p.table)
		p.table = nil
		return nil
	case strings.HasPrefix(line, ":"):
		return p.chain(line[1:])
	}
	return p.rule(line)
}

func (p *saveParser) chain(line string) error {
	f := strings.Fields(line)
	if len(f) < 2 {
		return fmt.Errorf("want :CHAIN POLICY [packets:bytes]")
	}
	c := Chain{Name: f[0], Policy: Policy(f[1])}
	if len(f) > 2 {
		var err error
		if c.Count, err = parseCounter(f[2]); err != nil {
			return err
		}
	}
	p.table.Chains = append(p.table.Chains, c)
	return nil
}

func (p *saveParser) rule(line string) error {
	words, err := split(line)
	if err != nil {
		return err
	}
	var r Rule
	if strings.HasPrefix(words[0], "[") {
		if r.Count, err = parseCounter(words[0]); err != nil {
			return err
		}
		words = words[1:]
	}
	if len(words) < 2 || words[0] != "-A" {
		return fmt.Errorf("want -A CHAIN …")
	}
	i := slices.IndexFunc(p.table.Chains, func(c Chain) bool { return c.Name == words[1] })
	if i < 0 {
		return fmt.Errorf("chain %s is not declared", words[1])
	}
	r.Args = words[2:]
	p.table.Chains[i].Rules = append(p.table.Chains[i].Rules, r)
	return nil
}

func parseCounter(s string) (Counter, error) {
	var c Counter
	if _, err := fmt.Sscanf(s, "[%d:%d]", &c.Packets, &c.Bytes); err != nil {
		return c, fmt.Errorf("counter %q: want [packets:bytes]", s)
	}
	return c, nil
}

// split cuts a line into words as iptables-restore does: blanks separate, double quotes group, a backslash quotes one
// character.
func split(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	inWord, inQuotes, escaped := false, false, false
	for _, c := range line {
		switch {
		case escaped:
			word.WriteRune(c)
			escaped = false
		case c == '\\':
			inWord, escaped = true, true
		case c == '"':
			inWord, inQuotes = true, !inQuotes
		case c == ' ' && !inQuotes:
			if inWord {
				words = append(words, word.String())
				word.Reset()
				inWord = false
			}
		default:
			word.WriteRune(c)
			inWord = true
		}
	}
	if inQuotes || escaped {
		return nil, fmt.Errorf("unfinished quotation")
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, nil
}
