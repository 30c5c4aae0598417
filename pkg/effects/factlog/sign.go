package factlog

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"data-space.liqo.io/pkg/decisions/translog"
	"data-space.liqo.io/pkg/effects/atomicfile"
	"data-space.liqo.io/pkg/values/fact"
)

// originPrefix begins the names of logs.
const originPrefix = "data-space.liqo.io/node/"

// checkpoint signs the log as it is.
func (l *Log) checkpoint() ([]byte, error) {
	if l.broken != nil {
		return nil, l.broken
	}
	if l.signed != nil && l.covered == l.size {
		return l.signed, nil
	}
	if err := l.hashes.sync(); err != nil {
		return nil, err
	}
	root, err := tlog.TreeHash(l.size, translog.Entries(l.Entries))
	if err != nil {
		return nil, err
	}
	text := translog.Checkpoint{Origin: l.origin, Tree: tlog.Tree{N: l.size, Hash: root}}.Text()
	signed, err := note.Sign(&note.Note{Text: text}, l.signers...)
	if err != nil {
		return nil, fmt.Errorf("sign the log's checkpoint: %w", err)
	}
	if err := atomicfile.Write(l.path(checkpointFile), signed, 0o600); err != nil {
		return nil, fmt.Errorf("write the log's checkpoint: %w", err)
	}
	l.signed, l.covered = signed, l.size
	return signed, nil
}

// Rotate makes a new key. It signs together with the one before it, so that those who know only that one can follow; the fact of
// the change is in the log before the new key signs.
func (l *Log) Rotate(now time.Time) (key string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	secret, public, err := note.GenerateKey(rand.Reader, l.origin)
	if err != nil {
		return "", fmt.Errorf("make a key for the log: %w", err)
	}
	if _, err := l.append([]fact.Fact{{Time: now, Kind: fact.KeyRotated, Message: "a new key signs the log", Details: map[string]string{"key": public}}}); err != nil {
		return "", err
	}
	if _, err := l.checkpoint(); err != nil { // by the keys until now
		return "", err
	}
	text, err := os.ReadFile(l.path(keyFile))
	if err != nil {
		return "", fmt.Errorf("read the log's key: %w", err)
	}
	secrets := strings.Fields(string(text))
	if err := l.storeKeys(append(secrets[len(secrets)-1:], secret), public); err != nil {
		return "", err
	}
	l.signed = nil
	_, err = l.checkpoint()
	return public, err
}

// storeKeys writes the keys that sign, and one more public key.
func (l *Log) storeKeys(secrets []string, public string) error {
	known, err := l.Keys()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read the log's public keys: %w", err)
	}
	// The public one first: a key that signs and is not known would make the log look forged.
	if err := atomicfile.Write(l.path(keysFile), []byte(strings.Join(append(known, public), "\n")+"\n"), 0o644); err != nil {
		return fmt.Errorf("write the log's public keys: %w", err)
	}
	if err := atomicfile.Write(l.path(keyFile), []byte(strings.Join(secrets, "\n")+"\n"), 0o600); err != nil {
		return fmt.Errorf("write the log's key: %w", err)
	}
	return l.readKeys()
}

// readKeys reads the keys. errors.Is fs.ErrNotExist if the log is new.
func (l *Log) readKeys() error {
	text, err := os.ReadFile(l.path(keyFile))
	if err != nil {
		return fmt.Errorf("read the log's key: %w", err)
	}
	l.signers = nil
	for _, secret := range strings.Fields(string(text)) {
		s, err := note.NewSigner(secret)
		if err != nil {
			return fmt.Errorf("%w: its key cannot be read: %w", errDamaged, err)
		}
		l.signers, l.origin = append(l.signers, s), s.Name()
	}
	keys, err := l.Keys()
	if err != nil || len(l.signers) == 0 {
		return fmt.Errorf("%w: its keys are missing: %w", errDamaged, err)
	}
	if l.known, err = Verifiers(keys); err != nil {
		return fmt.Errorf("%w: %w", errDamaged, err)
	}
	return nil
}

// create makes the key of a new log, which names it.
func (l *Log) create() error {
	var id [4]byte
	if _, err := rand.Read(id[:]); err != nil {
		return fmt.Errorf("make a name for the log: %w", err)
	}
	secret, public, err := note.GenerateKey(rand.Reader, originPrefix+l.options.Node+"/"+hex.EncodeToString(id[:]))
	if err != nil {
		return fmt.Errorf("make a key for the log: %w", err)
	}
	if err := os.Remove(l.path(keysFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("make a key for the log: %w", err)
	}
	return l.storeKeys([]string{secret}, public)
}

// Verifiers returns what verifies signatures of the keys.
func Verifiers(keys []string) (note.Verifiers, error) {
	var all []note.Verifier
	for _, key := range slices.Compact(slices.Sorted(slices.Values(keys))) { // package note verifies nothing with a key that it has twice
		v, err := note.NewVerifier(key)
		if err != nil {
			return nil, fmt.Errorf("public key %q: %w", key, err)
		}
		all = append(all, v)
	}
	return note.VerifierList(all...), nil
}
