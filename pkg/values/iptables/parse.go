package iptables

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ParseSave reads what iptables-save [-c] printed. A line that it does not understand is an error that names the line:
// a ruleset that is only partly understood must not be judged.
func ParseSave(family Family, text string) (Saved, error) {
	p := saveParser{set: Saved{Family: family}}
	for n, line := range strings.Split(text, "\n") {
		if err := p.line(strings.TrimSpace(line)); err != nil {
			return Saved{}, fmt.Errorf("iptables-save (%s) line %d %q: %w", family, n+1, line, err)
		}
	}
	return p.finish()
}

// OwnChains returns the names of the chains in an iptables-save's output that are not built in. It understands any output, and
// passes over what it does not know.
func OwnChains(text string) []string {
	var names []string
	for line := range strings.Lines(text) {
		declared, is := strings.CutPrefix(line, ":")
		if name, policy, _ := strings.Cut(declared, " "); is && strings.HasPrefix(policy, string(NoPolicy)) {
			names = append(names, name)
		}
	}
	return names
}

type saveParser struct {
	set    Saved
	table  *SavedTable
	opaque []string // tables that iptables-nft-save reports as incompatible
}

func (p *saveParser) line(line string) error {
	switch {
	case line == "":
		return nil
	case strings.HasPrefix(line, "#"):
		p.remark(line)
		return nil
	case strings.HasPrefix(line, "*"):
		return p.begin(line[1:])
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

// remark reads the one comment that matters: "# Table `NAME' is incompatible, use 'nft' tool." or "# Table `NAME'
// contains incompatible base-chains, ...".
func (p *saveParser) remark(line string) {
	rest, _ := strings.CutPrefix(line, "# Table `")
	name, told, _ := strings.Cut(rest, "' ")
	if rest != line && !strings.ContainsAny(name, " \t") && name != "" && strings.Contains(told, "incompatible") {
		p.opaque = append(p.opaque, name)
	}
}

func (p *saveParser) begin(name string) error {
	if p.table != nil {
		return fmt.Errorf("table %s has no COMMIT", p.table.Name)
	}
	if _, twice := p.set.Table(name); twice || name == "" {
		return fmt.Errorf("a table without a name of its own")
	}
	p.table = &SavedTable{Name: name}
	return nil
}

// finish marks what the text did not show.
func (p *saveParser) finish() (Saved, error) {
	if p.table != nil {
		return Saved{}, fmt.Errorf("iptables-save (%s): table %s has no COMMIT", p.set.Family, p.table.Name)
	}
	for _, name := range p.opaque {
		i := slices.IndexFunc(p.set.Tables, func(t SavedTable) bool { return t.Name == name })
		if i < 0 {
			i = len(p.set.Tables)
			p.set.Tables = append(p.set.Tables, SavedTable{Name: name})
		}
		p.set.Tables[i].Opaque = true
	}
	return p.set, nil
}

func (p *saveParser) chain(line string) error {
	f := strings.Fields(line)
	if len(f) < 2 {
		return fmt.Errorf("want :CHAIN POLICY [packets:bytes]")
	}
	if _, twice := p.table.Chain(f[0]); twice {
		return fmt.Errorf("chain %s is declared twice", f[0])
	}
	c := SavedChain{Name: f[0], Policy: Verdict(f[1])}
	if len(f) > 2 {
		var err error
		if c.Count, err = parseCounter(f[2]); err != nil {
			return err
		}
	}
	p.table.Chains = append(p.table.Chains, c)
	return nil
}

// rule reads a line "[PACKETS:BYTES] -A CHAIN WORDS" of iptables-save. The chain must have been declared above, as iptables-save does.
func (p *saveParser) rule(line string) error {
	words, err := split(line)
	if err != nil {
		return err
	}
	var count Counter
	if len(words) > 0 && strings.HasPrefix(words[0], "[") {
		if count, err = parseCounter(words[0]); err != nil {
			return err
		}
		words = words[1:]
	}
	if len(words) < 2 || words[0] != "-A" {
		return fmt.Errorf("want -A CHAIN …")
	}
	i := slices.IndexFunc(p.table.Chains, func(c SavedChain) bool { return c.Name == words[1] })
	if i < 0 {
		return fmt.Errorf("chain %s is not declared", words[1])
	}
	r := readRule(words[2:])
	r.Count = count
	p.table.Chains[i].Rules = append(p.table.Chains[i].Rules, r)
	return nil
}

// readRule finds in the words of a rule what we need to know of it. A comment may be any text, so that it is passed over.
func readRule(words []string) SavedRule {
	r := SavedRule{Words: words}
	for i := 0; i+1 < len(words); i++ {
		value := words[i+1]
		switch words[i] {
		case "--comment":
			if r.Comment == "" {
				r.Comment = value
			}
		case "--path":
			r.paths = append(r.paths, i+1)
		case "-j", "-g":
			if r.Target == "" {
				r.Target, r.Goto = value, words[i] == "-g"
			}
		default:
			continue
		}
		i++
	}
	return r
}

func parseCounter(s string) (Counter, error) {
	packets, bytes, ok := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"), ":")
	p, errP := strconv.ParseUint(packets, 10, 64)
	b, errB := strconv.ParseUint(bytes, 10, 64)
	c := Counter{Packets: p, Bytes: b}
	if !ok || errP != nil || errB != nil || c.String() != s {
		return Counter{}, fmt.Errorf("counter %q: want [packets:bytes]", s)
	}
	return c, nil
}

// split cuts a line into words as iptables-restore does (add_param_to_argv in its source): blanks separate; double
// quotes group, and end the word where they close; inside them a backslash quotes one character.
func split(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	end := func(always bool) {
		if always || word.Len() > 0 {
			words = append(words, word.String())
			word.Reset()
		}
	}
	inQuotes, escaped := false, false
	for _, c := range []byte(line) {
		switch {
		case escaped:
			word.WriteByte(c)
			escaped = false
		case inQuotes && c == '\\':
			escaped = true
		case c == '"':
			if inQuotes {
				end(true)
			}
			inQuotes = !inQuotes
		case !inQuotes && (c == ' ' || c == '\t'):
			end(false)
		default:
			word.WriteByte(c)
		}
	}
	if inQuotes {
		return nil, fmt.Errorf("unfinished quotation")
	}
	end(false)
	return words, nil
}
