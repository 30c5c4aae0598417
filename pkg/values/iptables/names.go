package iptables

// Names are what prose calls values that mean something to the reader. What has no name appears as it is.
type Names struct {
	Cgroups     map[string]string // "the proxy's", by path
	ConnMarks   map[Mark]string   // "the mark *proxy*"
	PacketMarks map[Mark]string
}

// End is one of the two ends of a packet's way.
type End int

// The ends.
const (
	Source End = iota
	Destination
)

// pick returns the word for the end.
func (e End) pick(source, destination string) string {
	if e == Source {
		return source
	}
	return destination
}

// negated is word, or "not " before it.
func negated(not bool, word string) string {
	if not {
		return "not " + word
	}
	return word
}

// option appends the words, after "!" if the condition is negated.
func option(to []string, not bool, words ...string) []string {
	if not {
		to = append(to, "!")
	}
	return append(to, words...)
}

// extension appends an option of a match extension.
func extension(to []string, name string, not bool, words ...string) []string {
	return option(append(to, "-m", name), not, words...)
}
