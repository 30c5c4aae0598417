package main

import (
	"fmt"
	"slices"
	"strings"
)

// window is the number of equal lines from which on two places count as a pair.
const window = 6

// place is a line of code in a file.
type place struct {
	file string
	line int
}

// equalLines finds pairs of six and more equal lines of code in pkg, cmd and test, tests included. Blank lines, comments,
// imports and lone brackets do not count.
func equalLines(t tree) measure {
	seen := map[string][]place{}
	for _, s := range t {
		if strings.HasPrefix(s.path, "demo/") || strings.HasPrefix(s.path, "build/") {
			continue
		}
		lines, numbers := s.code()
		for i := 0; i+window <= len(lines); i++ {
			key := strings.Join(lines[i:i+window], "\n")
			seen[key] = append(seen[key], place{s.path, numbers[i]})
		}
	}
	pairs := map[string]sized{}
	for _, places := range seen {
		for i, a := range places {
			for _, b := range places[i+1:] {
				merge(pairs, a, b)
			}
		}
	}
	var all []sized
	for _, p := range pairs {
		all = append(all, sized{p.n + window - 1, p.where})
	}
	slices.SortFunc(all, func(a, b sized) int { return strings.Compare(a.where, b.where) })
	return atMost("pairs of files with six and more equal lines, in the whole tree", 0, len(all), largest(all, 0))
}

// merge counts a window for the pair of files that it stands in; its place is the first.
func merge(pairs map[string]sized, a, b place) {
	key := a.file + " " + b.file
	p := pairs[key]
	where := fmt.Sprintf("lines: %s:%d and %s:%d", a.file, a.line, b.file, b.line)
	if p.n == 0 || where < p.where {
		p.where = where
	}
	p.n++
	pairs[key] = p
}

// code returns the lines that count, and their numbers.
func (s source) code() (lines []string, numbers []int) {
	begins := 0
	if n := len(s.syntax.Imports); n > 0 {
		begins = s.line(s.syntax.Imports[n-1].End())
	}
	for i, line := range s.lines {
		text := strings.TrimSpace(line)
		if i < begins || len(text) < 4 || strings.HasPrefix(text, "//") {
			continue
		}
		lines, numbers = append(lines, text), append(numbers, i+1)
	}
	return lines, numbers
}
