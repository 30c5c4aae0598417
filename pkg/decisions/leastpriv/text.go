package leastpriv

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// clipLimit is how much is shown of a name that a tenant chooses.
const clipLimit = 64

// clip bounds a name, and keeps it on its line.
func clip(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s[:min(len(s), clipLimit+1)])
	if len(s) > clipLimit {
		return s[:clipLimit] + "…"
	}
	return s
}

func compare(a, b string) int { return cmp.Compare(a, b) }

func truth(b *bool) bool { return b != nil && *b }

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
