package factlog

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/tlog"

	"data-space.liqo.io/pkg/decisions/translog"
	"data-space.liqo.io/pkg/effects/atomicfile"
)

// Export copies the log, as its newest checkpoint covers it, into a new folder: all but the private keys. An auditor reads the copy as the
// agent reads the log, and any client of https://c2sp.org/tlog-tiles reads it by its folder tile.
func (f Folder) Export(to string) error {
	if err := os.Mkdir(to, 0o750); err != nil {
		return fmt.Errorf("export the log: %w; name a folder that is not there yet", err)
	}
	signed, err := f.Checkpoint()
	if err != nil {
		return fmt.Errorf("export the log: read its checkpoint: %w", err)
	}
	c, err := translog.ParseCheckpoint(unsigned(signed))
	if err != nil {
		return fmt.Errorf("export the log: %w", err)
	}
	if err := f.copy(to); err != nil {
		return fmt.Errorf("export the log: %w", err)
	}
	// The lines may have grown: the copy has the checkpoint from before.
	if err := atomicfile.Write(filepath.Join(to, checkpointFile), signed, 0o640); err != nil {
		return fmt.Errorf("export the log: %w", err)
	}
	copied, err := Folder(to).Segments()
	if err != nil {
		return err
	}
	if len(copied) == 0 {
		return nil
	}
	for _, t := range translog.Tiles(copied[0].First, c.N) {
		if err := Folder(to).exportTile(t); err != nil {
			return fmt.Errorf("export the log: %w", err)
		}
	}
	return nil
}

// copy copies the files of the log that are not secret.
func (f Folder) copy(to string) error {
	return filepath.WalkDir(string(f), func(path string, d fs.DirEntry, err error) error {
		name, _ := filepath.Rel(string(f), path)
		switch {
		case err != nil:
			return err
		case name == ".":
			return nil
		case d.IsDir() && (name == linesFolder || name == hashesFolder || filepath.Dir(name) == hashesFolder):
			return os.Mkdir(filepath.Join(to, name), 0o750)
		case d.IsDir():
			return fs.SkipDir
		case filepath.Dir(name) == "." && name != keysFile && !isCosigned(name):
			return nil
		}
		in, err := os.Open(path) //nolint:gosec // in the log's own folder
		if errors.Is(err, fs.ErrNotExist) {
			return nil // removed meanwhile
		}
		if err != nil {
			return err
		}
		defer in.Close()
		out, err := os.OpenFile(filepath.Join(to, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640) //nolint:gosec // what was named for it
		if err != nil {
			return err
		}
		_, err = io.Copy(out, in)
		return errors.Join(err, out.Close())
	})
}

func (f Folder) exportTile(t tlog.Tile) error {
	raw, err := f.Tile(t)
	if err != nil {
		return err
	}
	path := f.path(filepath.FromSlash(translog.TilePath(t)))
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	return os.WriteFile(path, raw, 0o640) //nolint:gosec // a copy that is meant to be handed on
}
