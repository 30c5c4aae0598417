package ipset

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// ParseSave reads the sets whose name begins with prefix from what ipset(8) save printed; others may have types and
// options that nobody here knows. A line that it does not understand is an error that names the line.
func ParseSave(prefix, text string) ([]Set, error) {
	var sets []Set
	for n, line := range strings.Split(text, "\n") {
		words := strings.Fields(line)
		if len(words) < 3 || !strings.HasPrefix(words[1], prefix) {
			continue
		}
		if err := parseLine(&sets, words); err != nil {
			return nil, fmt.Errorf("ipset save line %d %q: %w", n+1, line, err)
		}
	}
	return sets, nil
}

func parseLine(sets *[]Set, words []string) error {
	switch words[0] {
	case string(Create):
		family := V4
		if i := slices.Index(words, "family"); i > 0 && i+1 < len(words) {
			family = Family(words[i+1])
		}
		*sets = append(*sets, Set{Name: words[1], Type: Type(words[2]), Family: family})
		return nil
	case string(Add):
		i := slices.IndexFunc(*sets, func(s Set) bool { return s.Name == words[1] })
		if i < 0 {
			return fmt.Errorf("set %s was not created", words[1])
		}
		entry, err := parseEntry(words[2])
		if err != nil {
			return err
		}
		(*sets)[i].Entries = append((*sets)[i].Entries, entry)
		return nil
	}
	return fmt.Errorf("want create or add")
}

// parseEntry reads an entry as String writes it.
func parseEntry(text string) (Entry, error) {
	address, rest, withPort := strings.Cut(text, ",")
	prefix, err := netip.ParsePrefix(address)
	if err != nil {
		addr, addrErr := netip.ParseAddr(address)
		if addrErr != nil {
			return Entry{}, fmt.Errorf("entry %q: %w", text, addrErr)
		}
		prefix = netip.PrefixFrom(addr, addr.BitLen())
	}
	entry := Entry{Prefix: prefix}
	if !withPort {
		return entry, nil
	}
	protocol, port, ok := strings.Cut(rest, ":")
	number, err := strconv.ParseUint(port, 10, 16)
	if !ok || err != nil {
		return Entry{}, fmt.Errorf("entry %q: want ADDRESS,PROTOCOL:PORT", text)
	}
	entry.Protocol, entry.Port = protocol, uint16(number)
	return entry, nil
}
