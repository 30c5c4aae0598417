package record

import (
	"strings"

	"data-space.liqo.io/pkg/values/apis"
)

// questionPrefix begins the lines of the guests' resolver that are about a pod (package resolver has their format).
const questionPrefix = "[INFO] pod="

// Question reads a line of the guests' resolver: the pod that asked (namespace/name, "-/-" where the resolver does not know
// it) and the rest. A name that a tenant asked for stands at the end of its line, so it cannot begin one.
func Question(line string) (pod, rest string, ok bool) {
	after, found := strings.CutPrefix(line, questionPrefix)
	if !found {
		return "", "", false
	}
	return strings.Cut(after, " ")
}

// asker returns the namespace of the pod that a line of the resolver is about, and "" where the line names none.
func asker(e Entry) string {
	pod, _, _ := Question(e.Text)
	namespace, _, _ := strings.Cut(pod, "/")
	if namespace == "-" {
		return ""
	}
	return namespace
}

// Shared reports whether a container's log is about several guests: that of the guests' resolver, or of another program of ours.
func (s Source) Shared() bool { return s.Namespace == apis.SystemNamespace }

// Concerns reports whether an entry belongs into the record of its source's guest; guests has the guest of each foreign namespace. A line of the
// resolver belongs to the guest whose namespace the asking pod is in; a fact that a program of ours wrote belongs to the guest that it names.
// Lines about no known guest belong to the source without a guest. All other lines of our programs belong to no record. A gap belongs to every
// guest's record.
func Concerns(e Entry, guests map[string]string) bool {
	switch {
	case !e.Source.Shared() || e.Gap != nil || e.Ended:
		return true
	case e.Source.Container == apis.ResolverContainerName:
		return guests[asker(e)] == e.Source.Guest
	}
	f, ok := program(e)
	if !ok {
		return false
	}
	for _, guest := range guests {
		if guest == f.Subject.Guest {
			return guest == e.Source.Guest
		}
	}
	return e.Source.Guest == ""
}

// Passed returns an entry that holds the position of e alone: it is not written, but the record goes on behind it.
func (e Entry) Passed() Entry { return Entry{Source: e.Source, Position: e.Position} }

// IsPassed reports whether the entry holds nothing but a position.
func (e Entry) IsPassed() bool {
	return e.Log == nil && e.Text == "" && e.Gap == nil && !e.Ended && e.Positions == nil
}
