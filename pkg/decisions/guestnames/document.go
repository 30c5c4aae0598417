package guestnames

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
)

// MaxDocument bounds the answers of all guests, in bytes: they are in one ConfigMap.
const MaxDocument = 500_000

// Answers are what the guests' resolver answers of the names in GuestPolicies.
type Answers struct {
	// Namespaces has the guest of each namespace.
	Namespaces map[string]string `json:"namespaces,omitempty"`
	// Guests has for each guest the names that it may look up, with their addresses. A name without an address is looked up still, or failed.
	Guests map[string]map[string][]netip.Addr `json:"guests,omitempty"`
}

// Encode returns the answers as the resolver reads them. Where they do not fit, those of the guests that take most are left out, which it returns: a
// guest chooses how many namespaces it has, and takes no room of another's.
func (a Answers) Encode() (text string, left []string, err error) {
	for sizes := a.sizes(); ; {
		encoded, err := json.Marshal(a.without(left))
		if err != nil {
			return "", nil, fmt.Errorf("encode the answers to guests: %w", err)
		}
		if len(encoded) <= MaxDocument || len(sizes) == 0 {
			return string(encoded), left, nil
		}
		left, sizes = append(left, sizes[0].guest), sizes[1:]
	}
}

type size struct {
	guest string
	bytes int
}

// sizes returns about how many bytes the answers to each guest take, the most first.
func (a Answers) sizes() []size {
	const overhead = 6 // quotes, colon and comma
	bytes := map[string]int{}
	for namespace, guest := range a.Namespaces {
		bytes[guest] += len(namespace) + len(guest) + overhead
	}
	for guest, names := range a.Guests {
		for name, addresses := range names {
			bytes[guest] += len(name) + overhead
			for _, address := range addresses {
				bytes[guest] += len(address.String()) + overhead/2
			}
		}
	}
	all := make([]size, 0, len(bytes))
	for guest, n := range bytes {
		all = append(all, size{guest, n})
	}
	slices.SortFunc(all, func(a, b size) int { return cmp.Or(-cmp.Compare(a.bytes, b.bytes), cmp.Compare(a.guest, b.guest)) })
	return all
}

// without returns the answers without those to these guests.
func (a Answers) without(left []string) Answers {
	if len(left) == 0 {
		return a
	}
	rest := Answers{Namespaces: maps.Clone(a.Namespaces), Guests: maps.Clone(a.Guests)}
	maps.DeleteFunc(rest.Namespaces, func(_, guest string) bool { return slices.Contains(left, guest) })
	for _, guest := range left {
		delete(rest.Guests, guest)
	}
	return rest
}

// EncodeHeld returns the open addresses of each name, for a controller that starts.
func EncodeHeld(names map[string]Name) (string, error) {
	held := map[string][]netip.Addr{}
	for name, n := range names {
		if open := n.Open(); len(open) > 0 {
			held[name] = open
		}
	}
	text, err := json.Marshal(held)
	if err != nil {
		return "", fmt.Errorf("encode the addresses of names: %w", err)
	}
	return string(text), nil
}

// DecodeHeld returns what EncodeHeld wrote; what cannot be read is left out.
func DecodeHeld(text string) map[string][]netip.Addr {
	held := map[string][]netip.Addr{}
	if json.Unmarshal([]byte(text), &held) != nil {
		return nil
	}
	return held
}
