package webhook

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/pem"
	"os"
	"strings"
	"sync"
	"time"

	"data-space.liqo.io/pkg/decisions/inject"
)

// sealer returns what a replica seals pods of a namespace with.
type sealer interface {
	// seal returns what pods of the namespace are sealed with; the zero Seal seals nothing. It may be called concurrently.
	seal(namespace string) inject.Seal
}

// keyring derives the replicas' common key from the private key that all of them serve with, so that they need no other secret. It
// keeps the key before: replicas do not see a renewed one at the same moment. It is safe for concurrent use.
type keyring struct {
	// path is the file of the private key.
	path string

	mu     sync.Mutex
	read   os.FileInfo // of the file that keys was derived from
	source []byte
	keys   [][]byte
}

// seal implements sealer. Without a key, nothing is sealed: replicas of other settings then refuse each other's proxies.
func (k *keyring) seal(namespace string) inject.Seal {
	return inject.Seal{Keys: k.current(), Now: time.Now(), Namespace: namespace}
}

// current reads the file again where another one has taken its place, or it was written.
func (k *keyring) current() [][]byte {
	now, err := os.Stat(k.path)
	k.mu.Lock()
	defer k.mu.Unlock()
	if err != nil || k.read != nil && os.SameFile(k.read, now) && k.read.ModTime().Equal(now.ModTime()) && k.read.Size() == now.Size() {
		return k.keys
	}
	source := privateKey(k.path)
	if source == nil {
		return k.keys
	}
	k.read = now
	if bytes.Equal(source, k.source) {
		return k.keys
	}
	key, err := hkdf.Key(sha256.New, source, nil, inject.AnnotationSeal, sha256.Size)
	if err != nil {
		return k.keys
	}
	k.source, k.keys = source, append([][]byte{key}, k.keys[:min(len(k.keys), 1)]...)
	return k.keys
}

// privateKey returns the private key in a PEM file, nil where there is none.
func privateKey(path string) []byte {
	rest, err := os.ReadFile(path) //nolint:gosec // The path is the program's own flag.
	if err != nil {
		return nil
	}
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return nil
		}
		if strings.HasSuffix(block.Type, "PRIVATE KEY") {
			return block.Bytes
		}
	}
}
