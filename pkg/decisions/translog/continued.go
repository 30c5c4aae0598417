package translog

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// errContradiction means that a log is not the one that was known before: it was rewritten, became shorter, or another one took its place.
var errContradiction = errors.New("the log contradicts what was known of it")

// Continued verifies, as a witness does, that a log continues what was kept of it: submission is what the log sends, keys are its public
// keys and kept is the checkpoint of it, signed, both as they were kept; nothing was kept of a log that is seen for the first time. It
// returns the checkpoint that is to be kept from now on.
func Continued(submission []byte, keys []string, kept []byte) (signed []byte, lines int64, err error) {
	s, err := ParseSubmission(submission)
	if err != nil {
		return nil, 0, err
	}
	origin, _, _ := strings.Cut(string(s.Checkpoint), "\n")
	known := map[string][]note.Verifier{}
	for _, key := range keys {
		v, err := note.NewVerifier(key)
		if err != nil {
			return nil, 0, fmt.Errorf("the log's public key %q: %w", key, err)
		}
		known[v.Name()] = append(known[v.Name()], v)
	}
	if len(known[origin]) == 0 {
		return nil, 0, fmt.Errorf("%w: it is the log %q, whose key was not kept", errContradiction, origin)
	}
	var before Checkpoint
	if len(kept) > 0 {
		if before, _, err = OpenCheckpoint(kept, note.VerifierList(known[origin]...)); err != nil {
			return nil, 0, fmt.Errorf("%w: the checkpoint that was kept of it: %w", errContradiction, err)
		}
	}
	c, _, err := Judge(s, known, func(string) (Checkpoint, error) { return before, nil })
	if err != nil {
		return nil, 0, fmt.Errorf("%w: %w", errContradiction, err)
	}
	return s.Checkpoint, c.N, nil
}

// CheckpointLines returns how many lines a signed checkpoint covers, without verifying its signature.
func CheckpointLines(signed []byte) int64 {
	text, _, _ := strings.Cut(string(signed), "\n\n")
	c, err := ParseCheckpoint(text + "\n")
	if err != nil {
		return 0
	}
	return c.N
}
