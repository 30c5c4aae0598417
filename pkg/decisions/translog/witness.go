package translog

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Submission is what a log sends to a witness: a checkpoint, and the proof that the log of the checkpoint before is its beginning
// (https://c2sp.org/tlog-witness).
type Submission struct {
	Old int64 // size of the checkpoint that the witness cosigned last
	// Proof is a consistency proof (RFC 6962, section 2.1.2) from Old to the checkpoint's size; empty if they are equal or Old is 0.
	Proof      tlog.TreeProof
	Checkpoint []byte // signed
}

const (
	// MaxSubmission bounds a submission, in bytes.
	MaxSubmission = MaxCheckpoint + 8<<10
	// maxProofHashes is more than a tree of 2^63 lines needs.
	maxProofHashes = 63
)

// Text returns the body of the request.
func (s Submission) Text() []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "old %d\n", s.Old)
	writeHashes(&b, s.Proof)
	return append([]byte(b.String()+"\n"), s.Checkpoint...)
}

// ParseSubmission reads the body of the request.
func ParseSubmission(text []byte) (Submission, error) {
	head, checkpoint, found := strings.Cut(string(text), "\n\n")
	lines := strings.Split(head, "\n")
	size, isOld := strings.CutPrefix(lines[0], "old ")
	if len(text) > MaxSubmission || !found || !isOld || len(lines) > 1+maxProofHashes {
		return Submission{}, errors.New("not a submission: the line \"old SIZE\", at most 63 hashes, an empty line and a checkpoint are expected")
	}
	old, err := strconv.ParseInt(size, 10, 64)
	if err != nil || old < 0 || size != strconv.FormatInt(old, 10) {
		return Submission{}, fmt.Errorf("the old size %q is not a number", size)
	}
	s := Submission{Old: old, Checkpoint: []byte(checkpoint)}
	if s.Proof, err = parseHashes(lines[1:]); err != nil {
		return Submission{}, err
	}
	return s, nil
}

// Statuses of HTTP with which a witness refuses.
const (
	StatusMalformed = 400
	StatusForbidden = 403
	StatusUnknown   = 404
	StatusConflict  = 409
	StatusUnproven  = 422
)

// RefusalError is why a witness does not cosign, with the status of HTTP for it.
type RefusalError struct {
	Status   int
	Known    int64 // for StatusConflict: the size that the witness knows
	Conflict bool  // the log that the witness knows is no part of the log that was submitted
	Reason   string
}

// Error returns the reason.
func (r *RefusalError) Error() string { return r.Reason }

// Judge decides whether a witness cosigns a submission. keys are those of the logs that it knows, by origin; known is the checkpoint that it
// cosigned last for the origin; its zero value: none.
func Judge(s Submission, keys map[string][]note.Verifier, known func(origin string) (Checkpoint, error)) (Checkpoint, *note.Note, error) {
	origin, _, _ := strings.Cut(string(s.Checkpoint), "\n")
	if len(keys[origin]) == 0 {
		return Checkpoint{}, nil, &RefusalError{Status: StatusUnknown, Reason: fmt.Sprintf("this witness does not know the log %q", origin)}
	}
	c, n, err := OpenCheckpoint(s.Checkpoint, note.VerifierList(keys[origin]...))
	if err != nil {
		return c, nil, &RefusalError{Status: StatusForbidden, Reason: fmt.Sprintf("no key that this witness knows of the log %q has signed the checkpoint", origin)}
	}
	if s.Old > c.N {
		return c, nil, &RefusalError{Status: StatusMalformed, Reason: "the old size exceeds that of the checkpoint"}
	}
	before, err := known(origin)
	if err != nil {
		return c, nil, err
	}
	switch {
	case c.N < before.N: // the log became shorter, or an earlier checkpoint comes late: a log asks with the newest one
		return c, nil, &RefusalError{Status: StatusConflict, Known: before.N, Reason: fmt.Sprintf("the log %q had %d lines, this checkpoint has %d", origin, before.N, c.N)}
	case s.Old != before.N:
		return c, nil, &RefusalError{Status: StatusConflict, Known: before.N, Reason: "the old size is not that of the checkpoint that was cosigned last"}
	case c.N == before.N && before.N > 0 && c.Hash != before.Hash:
		return c, nil, &RefusalError{Status: StatusConflict, Known: before.N, Conflict: true, Reason: fmt.Sprintf("the log %q had other lines at the same size", origin)}
	case s.Old == 0 && len(s.Proof) > 0 || c.N == before.N && len(s.Proof) > 0:
		return c, nil, &RefusalError{Status: StatusUnproven, Reason: "the proof must be empty"}
	case s.Old == 0 || c.N == before.N:
		return c, n, nil
	}
	if err := tlog.CheckTree(s.Proof, c.N, c.Hash, before.N, before.Hash); err != nil {
		return c, nil, &RefusalError{Status: StatusUnproven, Conflict: true,
			Reason: fmt.Sprintf("the log %q of %d lines is not shown to begin with the %d lines that were cosigned: %v", origin, c.N, before.N, err)}
	}
	return c, n, nil
}
