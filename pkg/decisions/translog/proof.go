package translog

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Proof shows offline that a line is in a log (https://c2sp.org/tlog-proof). The line itself is the proof's extra data: it is proven
// by its hash.
type Proof struct {
	Line  []byte // without its newline
	Index int64  // of the line in the log, counted from 0
	// Hashes are those beside the way from the line to the checkpoint's hash (RFC 6962, section 2.1.1), from the line on.
	Hashes     tlog.RecordProof
	Checkpoint []byte // signed
}

const (
	proofHeader = "c2sp.org/tlog-proof@v1"
	// maxProof is longer than a line of greatest length, 63 hashes and a checkpoint.
	maxProof = 128 << 10
)

// Text returns the proof as people hand it on.
func (p Proof) Text() []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\nextra %s\nindex %d\n", proofHeader, base64.StdEncoding.EncodeToString(p.Line), p.Index)
	writeHashes(&b, p.Hashes)
	return append([]byte(b.String()+"\n"), p.Checkpoint...)
}

// ParseProof reads a proof. It proves nothing before Check.
func ParseProof(text []byte) (Proof, error) {
	if len(text) > maxProof {
		return Proof{}, errors.New("not a proof: too long")
	}
	head, checkpoint, found := strings.Cut(string(text), "\n\n")
	lines := strings.Split(head, "\n")
	if !found || len(lines) < 3 || lines[0] != proofHeader {
		return Proof{}, fmt.Errorf("not a proof: the first line is not %s", proofHeader)
	}
	extra, hasExtra := strings.CutPrefix(lines[1], "extra ")
	number, hasIndex := strings.CutPrefix(lines[2], "index ")
	if !hasExtra || !hasIndex {
		return Proof{}, errors.New(`not a proof of a record's line: the lines "extra" and "index" are expected`)
	}
	p := Proof{Checkpoint: []byte(checkpoint)}
	var err error
	if p.Line, err = base64.StdEncoding.Strict().DecodeString(extra); err != nil {
		return Proof{}, fmt.Errorf(`the proof's line "extra": %w`, err)
	}
	if p.Index, err = strconv.ParseInt(number, 10, 64); err != nil || p.Index < 0 {
		return Proof{}, fmt.Errorf("the proof's index %q is not a number", number)
	}
	if p.Hashes, err = parseHashes(lines[3:]); err != nil {
		return Proof{}, err
	}
	return p, nil
}

// Check reports whether the line is at its index in the log of the checkpoint, which a known key has signed.
func (p Proof) Check(known note.Verifiers) (Checkpoint, *note.Note, error) {
	c, n, err := OpenCheckpoint(p.Checkpoint, known)
	if err != nil {
		return c, n, err
	}
	if p.Index >= c.N {
		return c, n, fmt.Errorf("index %d is not in a log of %d lines", p.Index, c.N)
	}
	if err := tlog.CheckRecord(p.Hashes, c.N, c.Hash, p.Index, tlog.RecordHash(p.Line)); err != nil {
		return c, n, fmt.Errorf("the line is not at index %d of the log %q: %w", p.Index, c.Origin, err)
	}
	return c, n, nil
}
