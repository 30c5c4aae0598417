package atomicfile

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A draft is named after its file: between these two stands what os.CreateTemp chooses.
const draftPrefix, draftSuffix = ".", ".tmp"

// abandoned is the age from which on a draft belongs to a writer that was killed: a write takes milliseconds. A writer that was only slow
// fails, and its file stays as it was.
const abandoned = 5 * time.Second

// Write replaces the file with the content and the mode. The file belongs to this process' user. It returns an error if the
// folder does not exist or cannot be written; then the file is as before.
func Write(file string, content []byte, mode fs.FileMode) error {
	return Copy(file, bytes.NewReader(content), mode)
}

// Copy replaces the file with what the reader returns, as Write does.
func Copy(file string, content io.Reader, mode fs.FileMode) error {
	draft, err := Draft(file, content, mode)
	if err != nil {
		return err
	}
	if err := os.Rename(draft, file); err != nil {
		return errors.Join(err, os.Remove(draft))
	}
	return SyncFolder(filepath.Dir(file))
}

// Draft writes the content to a new file in the same folder, and returns its path. The name begins with a dot and ends with
// ".tmp", so that programs that read all files of a folder with a certain suffix ignore it. The caller renames or removes it.
// Draft removes earlier drafts of the same file whose writers were killed.
func Draft(file string, content io.Reader, mode fs.FileMode) (string, error) {
	folder, name := filepath.Split(file)
	if err := collect(filepath.Clean(folder), draftPrefix+name+".", abandoned); err != nil {
		return "", err
	}
	f, err := os.CreateTemp(filepath.Clean(folder), draftPrefix+name+".*"+draftSuffix)
	if err != nil {
		return "", err
	}
	_, err = io.Copy(f, content)
	if err = errors.Join(err, f.Chmod(mode.Perm()), f.Sync(), f.Close()); err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}

// Collect removes every draft in a folder that no other process writes to.
func Collect(folder string) error { return collect(folder, draftPrefix, 0) }

// collect removes the drafts whose names begin so, and which are at least so old. A folder that does not exist holds none.
func collect(folder, prefix string, age time.Duration) error {
	entries, err := os.ReadDir(folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), prefix) || !strings.HasSuffix(e.Name(), draftSuffix) || !e.Type().IsRegular() {
			continue
		}
		info, err := e.Info()
		if err == nil && time.Since(info.ModTime()) >= age {
			err = os.Remove(filepath.Join(folder, e.Name()))
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// SyncFolder writes a folder's entries to the disk.
func SyncFolder(folder string) error {
	f, err := os.Open(folder) //nolint:gosec // the caller names it
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
