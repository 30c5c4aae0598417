package atomicfile

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

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
func Draft(file string, content io.Reader, mode fs.FileMode) (string, error) {
	f, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+".*.tmp")
	if err != nil {
		return "", err
	}
	_, err = io.Copy(f, content)
	if err = errors.Join(err, f.Chmod(mode.Perm()), f.Sync(), f.Close()); err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}

// SyncFolder writes a folder's entries to the disk.
func SyncFolder(folder string) error {
	f, err := os.Open(folder) //nolint:gosec // the caller names it
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
