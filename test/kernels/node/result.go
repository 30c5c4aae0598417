package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Setting is what guards the pod during an attempt.
type Setting string

// Settings, in the order in which they are tried.
const (
	Unguarded       Setting = "unguarded"
	RulesOnly       Setting = "rules only"
	RulesAndFilter  Setting = "rules and frame filter"
	RulesAndProfile Setting = "rules and seccomp profile"
	Everything      Setting = "all"
)

// Settings lists them.
func Settings() []Setting {
	return []Setting{Unguarded, RulesOnly, RulesAndFilter, RulesAndProfile, Everything}
}

// Result is one attempt.
type Result struct {
	Place   string // how the pod is joined to its node, the iptables backend, and the attacker's user
	Setting Setting
	Probe   string
	IPv6    bool
	Answer  string   // what the attacker reports
	Seen    []string // what came out of the pod, behind the node's end of its link; and what reached another pod
}

// ResultsFile is the file, in the shared directory, with one result a line.
const ResultsFile = "results.json"

// ReadResults reads results, one a line.
func ReadResults(from io.Reader) ([]Result, error) {
	var all []Result
	for lines := json.NewDecoder(from); ; {
		var r Result
		err := lines.Decode(&r)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return all, fmt.Errorf("result %d: %w", len(all)+1, err)
		}
		all = append(all, r)
	}
}
