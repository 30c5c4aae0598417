package recordfile

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"hash"
)

// Digest is the SHA-256 of a part of a segment.
type Digest struct {
	Segment  string // its name
	From, To int64  // bytes
	Lines    int64
	SHA256   string // in hexadecimal, of the bytes From to To
}

// digests hashes what is written.
type digests struct {
	done  []Digest // of segments that are sealed
	from  int64
	lines int64
	sum   hash.Hash
}

// add hashes text that follows what was hashed before.
func (d *digests) add(text []byte) {
	if d.sum == nil {
		d.sum = sha256.New()
	}
	d.sum.Write(text) // a hash accepts everything
	d.lines += int64(bytes.Count(text, []byte("\n")))
}

// cut ends the part that is hashed: it is up to the byte to of the segment.
func (d *digests) cut(segment string, to int64) {
	if d.lines > 0 {
		d.done = append(d.done, Digest{Segment: segment, From: d.from, To: to, Lines: d.lines, SHA256: hex.EncodeToString(d.sum.Sum(nil))})
	}
	d.from, d.lines, d.sum = to, 0, nil
}

// Digests returns the digests of all that was written since the last call. After Open, that is all of the newest two segments: what an agent
// that was killed has written after its last digest is among it.
func (f *File) Digests() []Digest {
	f.digests.cut(f.name(), f.size)
	done := f.digests.done
	f.digests.done = nil
	return done
}
