package guestnames

import (
	"encoding/json"
	"fmt"
	"net/netip"
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

// Encode returns the answers as the resolver reads them.
func (a Answers) Encode() (string, error) {
	text, err := json.Marshal(a)
	if err != nil {
		return "", fmt.Errorf("encode the answers to guests: %w", err)
	}
	if len(text) > MaxDocument {
		return "", fmt.Errorf("the names of GuestPolicies and their addresses take %d bytes, and the limit is %d; name fewer hosts", len(text), MaxDocument)
	}
	return string(text), nil
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
