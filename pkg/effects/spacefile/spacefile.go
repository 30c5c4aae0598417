// Package spacefile keeps the namespace cache, the list of the cluster's namespaces, on the node, where it outlives the
// agent and the boot.
package spacefile

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"data-space.liqo.io/pkg/effects/atomicfile"
	"data-space.liqo.io/pkg/values/gate"
)

// maxSize bounds the file, in bytes: a hundred thousand namespaces with long names.
const maxSize = 32 << 20

// Read returns the list at path. errors.Is fs.ErrNotExist if there is none. A file that somebody else than root may have
// written is refused.
func Read(path string) (gate.Spaces, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW, 0) //nolint:gosec // the caller names it
	if err != nil {
		return gate.Spaces{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return gate.Spaces{}, err
	}
	const others = 0o022
	if s, ok := info.Sys().(*syscall.Stat_t); !ok || s.Uid != 0 || info.Mode().Perm()&others != 0 || !info.Mode().IsRegular() {
		return gate.Spaces{}, fmt.Errorf("%s (mode %s) is refused: it is not root's alone to write", path, info.Mode())
	}
	text, err := io.ReadAll(io.LimitReader(f, maxSize))
	if err != nil {
		return gate.Spaces{}, err
	}
	list, err := gate.DecodeSpaces(text)
	if err != nil {
		return gate.Spaces{}, fmt.Errorf("%s: %w", path, err)
	}
	return list, nil
}

// Write replaces the list at path: whole, or not at all, also when the power goes.
func Write(path string, list gate.Spaces) error {
	text, err := gate.Encode(list)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("make the folder of the list of namespaces: %w", err)
	}
	if err := atomicfile.Write(path, text, 0o600); err != nil {
		return fmt.Errorf("write the list of namespaces: %w", err)
	}
	return nil
}
