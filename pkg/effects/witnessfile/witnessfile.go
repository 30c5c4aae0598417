package witnessfile

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"data-space.liqo.io/pkg/effects/atomicfile"
)

// Folder is what a witness knows. It is open in one process only.
type Folder struct {
	path string
	lock *os.File
	Key  ed25519.PrivateKey
}

const (
	keyFile   = "key"
	keyType   = "DATA SPACER WITNESS KEY"
	maxProofs = 16 // conflicting checkpoints that are kept for each log
)

// Open opens the folder, and makes it, with a new key, if there is none.
func Open(path string) (*Folder, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("make the witness' folder: %w", err)
	}
	f := &Folder{path: path}
	var err error
	if f.lock, err = os.OpenFile(filepath.Join(path, "lock"), os.O_RDWR|os.O_CREATE, 0o600); err != nil { //nolint:gosec // the caller names the folder
		return nil, fmt.Errorf("lock the witness' folder: %w", err)
	}
	if err := unix.Flock(int(f.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("another witness uses the folder %s: %w", path, err), f.lock.Close())
	}
	if f.Key, err = key(filepath.Join(path, keyFile)); err != nil {
		return nil, errors.Join(err, f.lock.Close())
	}
	return f, nil
}

// Close lets another process open the folder.
func (f *Folder) Close() error { return f.lock.Close() }

// key reads the key, or makes one.
func key(path string) (ed25519.PrivateKey, error) {
	text, err := os.ReadFile(path) //nolint:gosec // in the witness' own folder
	if errors.Is(err, fs.ErrNotExist) {
		_, made, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return nil, fmt.Errorf("make the witness' key: %w", err)
		}
		block := pem.EncodeToMemory(&pem.Block{Type: keyType, Bytes: made.Seed()})
		if err := atomicfile.Write(path, block, 0o600); err != nil {
			return nil, fmt.Errorf("write the witness' key: %w", err)
		}
		return made, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the witness' key: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != keyType || len(block.Bytes) != ed25519.SeedSize {
		return nil, fmt.Errorf("%s is not a witness' key; remove it, and the witness makes another one", path)
	}
	return ed25519.NewKeyFromSeed(block.Bytes), nil
}

// file is where a log's checkpoint is kept: origins are text that others chose.
func (f *Folder) file(origin string) string {
	sum := sha256.Sum256([]byte(origin))
	return filepath.Join(f.path, hex.EncodeToString(sum[:16]))
}

// Known returns the checkpoint that was cosigned last for a log, signed; nil: none.
func (f *Folder) Known(origin string) ([]byte, error) {
	text, err := os.ReadFile(f.file(origin))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read what the witness knows of the log %q: %w", origin, err)
	}
	return text, nil
}

// Keep replaces the checkpoint that was cosigned last. When it returns, the disk has it.
func (f *Folder) Keep(origin string, signed []byte) error {
	if err := atomicfile.Write(f.file(origin), signed, 0o600); err != nil {
		return fmt.Errorf("keep the checkpoint of the log %q: %w", origin, err)
	}
	return nil
}

// Conflict keeps a checkpoint that contradicts the one that was cosigned last: with it, the log's signature proves that the log was
// rewritten. It returns the file; "" if enough of them are kept.
func (f *Folder) Conflict(origin string, signed []byte) (string, error) {
	for n := range maxProofs {
		path := fmt.Sprintf("%s.conflict-%d", f.file(origin), n)
		if have, err := os.ReadFile(path); err == nil { //nolint:gosec // in the witness' own folder
			if string(have) == string(signed) {
				return path, nil
			}
			continue
		}
		if err := atomicfile.Write(path, signed, 0o600); err != nil {
			return "", fmt.Errorf("keep a checkpoint that contradicts the log %q: %w", origin, err)
		}
		return path, nil
	}
	return "", nil
}
