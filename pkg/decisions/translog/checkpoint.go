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

// Checkpoint is the state of a log: its name, how many lines it has, and the hash over all of them (https://c2sp.org/tlog-checkpoint).
type Checkpoint struct {
	// Origin is the log's name. A witness knows the log and its key by it.
	Origin string
	tlog.Tree
}

// MaxCheckpoint bounds a signed checkpoint, in bytes.
const MaxCheckpoint = 16 << 10

// Text returns what is signed of a checkpoint.
func (c Checkpoint) Text() string {
	return fmt.Sprintf("%s\n%d\n%s\n", c.Origin, c.N, base64.StdEncoding.EncodeToString(c.Hash[:]))
}

var errCheckpoint = errors.New("not a checkpoint: the lines origin, size and hash are expected")

// ParseCheckpoint reads the text that was signed. Lines that follow the hash are ignored.
func ParseCheckpoint(text string) (Checkpoint, error) {
	lines := strings.SplitN(text, "\n", 4)
	if len(lines) < 4 || lines[0] == "" || len(text) > MaxCheckpoint {
		return Checkpoint{}, errCheckpoint
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || lines[1] != strconv.FormatInt(size, 10) {
		return Checkpoint{}, errCheckpoint
	}
	hash, err := parseHash(lines[2])
	if err != nil {
		return Checkpoint{}, errCheckpoint
	}
	return Checkpoint{Origin: lines[0], Tree: tlog.Tree{N: size, Hash: hash}}, nil
}

// OpenCheckpoint reads a signed checkpoint, of which at least one signature is of a known key, and none of a known key is false.
func OpenCheckpoint(signed []byte, known note.Verifiers) (Checkpoint, *note.Note, error) {
	if len(signed) > MaxCheckpoint {
		return Checkpoint{}, nil, errCheckpoint
	}
	n, err := note.Open(signed, known)
	if err != nil {
		return Checkpoint{}, nil, fmt.Errorf("the checkpoint's signature: %w", err)
	}
	c, err := ParseCheckpoint(n.Text)
	return c, n, err
}

// writeHashes writes the hashes of a proof, one a line.
func writeHashes(to *strings.Builder, hashes []tlog.Hash) {
	for _, h := range hashes {
		fmt.Fprintf(to, "%s\n", base64.StdEncoding.EncodeToString(h[:]))
	}
}

// parseHashes reads the lines of a proof.
func parseHashes(lines []string) ([]tlog.Hash, error) {
	var all []tlog.Hash
	for _, line := range lines {
		h, err := parseHash(line)
		if err != nil {
			return nil, fmt.Errorf("the proof's line %q: %w", line, err)
		}
		all = append(all, h)
	}
	return all, nil
}

// parseHash reads a hash in base64, in its one form.
func parseHash(text string) (tlog.Hash, error) {
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) != tlog.HashSize || base64.StdEncoding.EncodeToString(raw) != text {
		return tlog.Hash{}, errors.New("not a hash in base64")
	}
	return tlog.Hash(raw), nil
}
