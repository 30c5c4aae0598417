package audit

import (
	"fmt"
	"time"

	"data-space.liqo.io/pkg/values/agentapi"
)

// Checked is what a node's agent answered when it was asked to verify all that it keeps.
type Checked struct {
	Node     string
	Policy   *agentapi.PolicyStatus       // after the node's filter was read; nil: NetworkPolicy is not enforced there
	Record   *agentapi.RecordStatus       // nil: the node has no log of facts
	Verified *agentapi.RecordVerification // nil: as above
	Kept     string                       // how the log was compared with what the caller kept of it; empty: it was not
	Problems []string                     // questions that were not answered, and what does not agree with what the caller kept
}

// Verification is the judgement of a cluster after everything was read again. It is what "verify -o json" prints.
type Verification struct {
	Report
	// Records has one entry for each node whose agent answered.
	Records []NodeRecord `json:"records"`
	// Took is the time that all questions took together.
	Took time.Duration `json:"tookNanoseconds"`
}

// NodeRecord is the judgement of a node's log of facts and record of requests.
type NodeRecord struct {
	Node      string               `json:"node"`
	Origin    string               `json:"origin,omitempty"`
	Lines     int64                `json:"lines"`  // that are signed
	Read      int64                `json:"read"`   // that were read and compared
	Parts     int                  `json:"parts"`  // of the record of requests that are as they were recorded
	Intact    bool                 `json:"intact"` // what was read is what was recorded
	Kept      string               `json:"kept,omitempty"`
	Witnesses []agentapi.Witnessed `json:"witnesses,omitempty"`
	Policies  string               `json:"networkPolicy"` // in force, or why not
}

// late is how long a witness may be silent before that is a problem.
const late = 5 * time.Minute

// Verify adds the judgement of what each node keeps to that of its pods. now is the caller's clock.
func Verify(r Report, checked []Checked, now time.Time) Verification {
	v := Verification{Report: r, Records: []NodeRecord{}}
	for _, c := range checked {
		record, problems := judgeRecord(c, now)
		v.Records = append(v.Records, record)
		for i := range v.Nodes {
			if v.Nodes[i].Name == c.Node {
				v.Nodes[i].Problems = append(v.Nodes[i].Problems, problems...)
			}
		}
		v.Healthy = v.Healthy && len(problems) == 0
	}
	return v
}

// judgeRecord returns what the record of one node has shown, and each problem as a sentence with the way out.
func judgeRecord(c Checked, now time.Time) (NodeRecord, []string) {
	n := NodeRecord{Node: c.Node, Kept: c.Kept, Policies: "not enforced"}
	problems := append([]string(nil), c.Problems...)
	if p := c.Policy; p != nil {
		n.Policies = "in force"
		problems = append(problems, p.Problems...)
		if !p.InForce {
			n.Policies = "not in force"
			problems = append(problems, "NetworkPolicy is not in force; \"agent status\" on the node has the reason")
		}
	}
	if c.Verified != nil {
		n.Origin, n.Lines, n.Read, n.Parts, n.Intact = c.Verified.Origin, c.Verified.Covered, c.Verified.Read, c.Verified.Parts, len(c.Verified.Flaws) == 0
		for _, f := range c.Verified.Flaws {
			at := "the log of facts"
			if f.Index >= 0 {
				at = fmt.Sprintf("line %d of the log of facts", f.Index)
			}
			problems = append(problems, fmt.Sprintf("%s: %s: %s; keep the folder as evidence, and find out who was root on the node", f.Reason, at, f.Message))
		}
	}
	if r := c.Record; r != nil {
		n.Witnesses = r.Witnesses
		if r.Problem != "" {
			problems = append(problems, "facts are not recorded: "+r.Problem)
		}
		for _, w := range r.Witnesses {
			if text := witnessProblem(w, r.Signed, now); text != "" {
				problems = append(problems, text)
			}
		}
	}
	return n, problems
}

func witnessProblem(w agentapi.Witnessed, signed int64, now time.Time) string {
	switch {
	case w.Refused:
		return fmt.Sprintf("witness %s refuses the log of facts, which was rewritten or restored from an older copy: %s", w.Name, w.Problem)
	case w.Problem != "":
		return fmt.Sprintf("witness %s does not cosign: %s", w.Name, w.Problem)
	case !w.Asked.IsZero() && w.Lines < signed && now.Sub(w.Asked) > late:
		return fmt.Sprintf("witness %s has cosigned %d of %d lines, and was last asked %s ago", w.Name, w.Lines, signed, now.Sub(w.Asked).Round(time.Second))
	}
	return ""
}
