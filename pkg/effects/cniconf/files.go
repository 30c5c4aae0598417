package cniconf

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"data-space.liqo.io/pkg/effects/atomicfile"
)

// maxConf bounds a configuration, in bytes.
const maxConf = 4 << 20

// tries is the limit of attempts of an edit while other programs write the file.
const tries = 10

// load reads a regular file. A symlink is refused: what would have to be replaced lies elsewhere.
func load(file string) ([]byte, fs.FileInfo, error) {
	f, err := os.OpenFile(file, os.O_RDONLY|syscall.O_NOFOLLOW, 0) //nolint:gosec // the caller names it
	if errors.Is(err, syscall.ELOOP) {
		return nil, nil, fmt.Errorf("%s is a symlink, which cannot be changed in place: put the file itself there", file)
	}
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("%s is no regular file", file)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxConf))
	return text, info, err
}

// edit changes a file's text atomically. It never overwrites a change that another program made meanwhile. It reports whether it
// changed the file.
func edit(file string, change func([]byte) ([]byte, error)) (bool, error) {
	before, info, err := load(file)
	if err != nil {
		return false, err
	}
	after, err := change(before)
	if err != nil || bytes.Equal(before, after) {
		return false, err
	}
	for range tries {
		found, err := exchange(file, after, info)
		if err != nil {
			return false, err
		}
		if bytes.Equal(found, before) {
			return true, atomicfile.SyncFolder(filepath.Dir(file))
		}
		// Somebody wrote between the reading and the exchange. What they wrote is newer: it is edited in its turn, or goes
		// back as it is if it cannot be.
		before = after
		if after, err = change(found); err != nil {
			after = found
		}
	}
	return false, errors.New("somebody else keeps writing it")
}

// exchange puts a text in a file's place and returns the one that stood there.
func exchange(file string, text []byte, like fs.FileInfo) ([]byte, error) {
	hidden, err := draft(file, text, like)
	if err != nil {
		return nil, err
	}
	defer os.Remove(hidden)
	err = unix.Renameat2(unix.AT_FDCWD, hidden, unix.AT_FDCWD, file, unix.RENAME_EXCHANGE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) { // a file system without it
		found, _, err := load(file)
		return found, errors.Join(err, os.Rename(hidden, file))
	}
	if err != nil {
		return nil, fmt.Errorf("put the new text in place: %w", err)
	}
	return os.ReadFile(hidden) //nolint:gosec // made above
}

// replace writes a file whole, with the mode and the owner of another.
func replace(file string, text []byte, like fs.FileInfo) error {
	hidden, err := draft(file, text, like)
	if err != nil {
		return err
	}
	if err := os.Rename(hidden, file); err != nil {
		return errors.Join(err, os.Remove(hidden))
	}
	return atomicfile.SyncFolder(filepath.Dir(file))
}

// draft writes a text beside a file, under a name that no runtime reads.
func draft(file string, text []byte, like fs.FileInfo) (string, error) {
	hidden, err := atomicfile.Draft(file, bytes.NewReader(text), like.Mode())
	if err != nil {
		return "", err
	}
	if s, ok := like.Sys().(*syscall.Stat_t); ok {
		err = os.Chown(hidden, int(s.Uid), int(s.Gid))
	}
	if err != nil {
		return "", errors.Join(err, os.Remove(hidden))
	}
	return hidden, nil
}
