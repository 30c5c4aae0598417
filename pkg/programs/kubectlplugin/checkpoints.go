package kubectlplugin

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Folder keeps checkpoints in files: NODE.keys and NODE.checkpoint.
type Folder string

// Read implements Checkpoints.
func (f Folder) Read(node string) (keys []string, checkpoint []byte, err error) {
	text, err := f.read(node + ".keys")
	if err != nil {
		return nil, nil, err
	}
	checkpoint, err = f.read(node + ".checkpoint")
	return strings.Fields(string(text)), checkpoint, err
}

func (f Folder) path(name string) string { return filepath.Join(string(f), filepath.Base(name)) }

func (f Folder) read(name string) ([]byte, error) {
	text, err := os.ReadFile(f.path(name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read what was kept of a node's log: %w", err)
	}
	return text, nil
}

// Keep implements Checkpoints. A file is replaced as a whole.
func (f Folder) Keep(node string, keys []string, checkpoint []byte) error {
	if err := os.MkdirAll(string(f), 0o700); err != nil {
		return fmt.Errorf("keep a checkpoint of a node's log: %w", err)
	}
	for name, text := range map[string]string{node + ".keys": strings.Join(keys, "\n") + "\n", node + ".checkpoint": string(checkpoint)} {
		path := f.path(name)
		if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
			return fmt.Errorf("keep a checkpoint of a node's log: %w", err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			return fmt.Errorf("keep a checkpoint of a node's log: %w", err)
		}
	}
	return nil
}
