// Package spacefile keeps the list of the cluster's namespaces on the node, where it outlives the agent and the boot.
package spacefile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

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
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the folder of the list of namespaces: %w", err)
	}
	if err := write(path+".new", text); err != nil {
		return fmt.Errorf("write the list of namespaces: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("write the list of namespaces: %w", err)
	}
	return settle(dir)
}

func write(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|syscall.O_NOFOLLOW, 0o600) //nolint:gosec // the caller names it
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Sync(), f.Close())
}

// settle brings a folder's entries to the disk (fsync(2)).
func settle(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // the caller names it
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
