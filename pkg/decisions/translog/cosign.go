package translog

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// A cosignature (https://c2sp.org/tlog-cosignature) is a witness' signature on a checkpoint and the time at which it was made.
const (
	algorithmCosignature = 4
	timeLength           = 8
)

// Witness is a witness' public key. It is a note.Verifier.
type Witness struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

// NewWitness returns the witness of a public key.
func NewWitness(name string, key ed25519.PublicKey) Witness {
	sum := sha256.Sum256(append([]byte(name+"\n"+string(rune(algorithmCosignature))), key...))
	return Witness{name: name, hash: binary.BigEndian.Uint32(sum[:]), key: key}
}

// ParseWitness reads a public key in the form NAME+HASH+KEY.
func ParseWitness(text string) (Witness, error) {
	name, rest, _ := strings.Cut(strings.TrimSpace(text), "+")
	hash, key, found := strings.Cut(rest, "+")
	raw, err := base64.StdEncoding.Strict().DecodeString(key)
	if !found || err != nil || name == "" || len(raw) != 1+ed25519.PublicKeySize || raw[0] != algorithmCosignature {
		return Witness{}, fmt.Errorf("%q is not the public key of a witness: NAME+HASH+KEY is expected, as a witness prints it when it starts", text)
	}
	w := NewWitness(name, raw[1:])
	if hash != fmt.Sprintf("%08x", w.hash) {
		return Witness{}, fmt.Errorf("%q is not the public key of a witness: its hash is not that of the name and the key", text)
	}
	return w, nil
}

// String returns the public key as text.
func (w Witness) String() string {
	return fmt.Sprintf("%s+%08x+%s", w.name, w.hash, base64.StdEncoding.EncodeToString(append([]byte{algorithmCosignature}, w.key...)))
}

// Name returns the witness' name.
func (w Witness) Name() string { return w.name }

// KeyHash returns the hash by which a signature names the key.
func (w Witness) KeyHash() uint32 { return w.hash }

// Verify reports whether the signature is the witness' on the checkpoint.
func (w Witness) Verify(checkpoint, signature []byte) bool {
	if len(signature) != timeLength+ed25519.SignatureSize {
		return false
	}
	at := binary.BigEndian.Uint64(signature)
	return ed25519.Verify(w.key, cosigned(at, checkpoint), signature[timeLength:])
}

// cosigned is what a witness signs.
func cosigned(at uint64, checkpoint []byte) []byte {
	return fmt.Appendf(nil, "cosignature/v1\ntime %s\n%s", strconv.FormatUint(at, 10), checkpoint)
}

// Cosigner is a witness that signs at a time. It is a note.Signer.
type Cosigner struct {
	Witness
	Key ed25519.PrivateKey
	At  time.Time
}

// Sign returns the cosignature on a checkpoint.
func (c Cosigner) Sign(checkpoint []byte) ([]byte, error) {
	if _, err := ParseCheckpoint(string(checkpoint)); err != nil {
		return nil, err
	}
	at := uint64(max(0, c.At.Unix()))
	return append(binary.BigEndian.AppendUint64(nil, at), ed25519.Sign(c.Key, cosigned(at, checkpoint))...), nil
}

// Cosigned returns when the witness of a public key cosigned the checkpoint.
func Cosigned(signed []byte, key string) (time.Time, error) {
	w, err := ParseWitness(key)
	if err != nil {
		return time.Time{}, err
	}
	n, err := note.Open(signed, note.VerifierList(w))
	if err != nil {
		return time.Time{}, fmt.Errorf("witness %s has not cosigned the checkpoint: %w", w.name, err)
	}
	raw, err := base64.StdEncoding.DecodeString(n.Sigs[0].Base64)
	if err != nil || len(raw) < 4+timeLength {
		return time.Time{}, errors.New("the cosignature has no time")
	}
	return time.Unix(int64(binary.BigEndian.Uint64(raw[4:])), 0), nil //nolint:gosec // the witness signed it
}
