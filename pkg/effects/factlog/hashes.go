package factlog

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/tlog"
	"golang.org/x/sys/unix"

	"data-space.liqo.io/pkg/decisions/translog"
	"data-space.liqo.io/pkg/effects/atomicfile"
)

type hash = tlog.Hash

// hashFiles writes the chunks of hashes. They are synced before a checkpoint is signed; until then the lines give them.
type hashFiles struct {
	open  [translog.Levels]*os.File
	at    [translog.Levels]int64 // number of the open chunk
	dirty [translog.Levels]bool
}

// write writes entries. Those of one level follow each other.
func (h *hashFiles) write(f Folder, grown []translog.Grown) error {
	for level := range translog.Levels {
		var run []translog.Grown // entries of one chunk
		for _, g := range grown {
			if g.Level != level {
				continue
			}
			if len(run) > 0 && g.N%chunk == 0 {
				if err := h.writeRun(f, run); err != nil {
					return err
				}
				run = run[:0]
			}
			run = append(run, g)
		}
		if len(run) == 0 {
			return nil // and so the levels above
		}
		if err := h.writeRun(f, run); err != nil {
			return err
		}
	}
	return nil
}

func (h *hashFiles) writeRun(f Folder, run []translog.Grown) error {
	first := run[0]
	file, err := h.chunk(f, first.Level, first.N/chunk)
	if err != nil {
		return err
	}
	raw := make([]byte, 0, len(run)*tlog.HashSize)
	for _, g := range run {
		raw = append(raw, g.Hash[:]...)
	}
	h.dirty[first.Level] = true
	_, err = file.WriteAt(raw, first.N%chunk*tlog.HashSize)
	return err
}

// chunk returns the chunk of a level, opened. The one before it is synced when it is closed.
func (h *hashFiles) chunk(f Folder, level int, number int64) (*os.File, error) {
	if h.open[level] != nil && h.at[level] == number {
		return h.open[level], nil
	}
	if err := h.shut(level); err != nil {
		return nil, err
	}
	path := f.chunk(level, number)
	file, err := os.OpenFile(path, os.O_RDWR, 0) //nolint:gosec // in the log's own folder
	if errors.Is(err, os.ErrNotExist) {
		file, err = create(path)
	}
	if err != nil {
		return nil, err
	}
	h.open[level], h.at[level] = file, number
	return file, nil
}

// create makes a file, and waits until the disk has its name and those of its folders.
func create(path string) (*os.File, error) {
	folder := filepath.Dir(path)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // in the log's own folder
	if err != nil {
		return nil, err
	}
	for _, f := range []string{folder, filepath.Dir(folder), filepath.Dir(filepath.Dir(folder))} {
		if err := atomicfile.SyncFolder(f); err != nil {
			return nil, errors.Join(err, file.Close())
		}
	}
	return file, nil
}

// sync waits until the disk has all hashes.
func (h *hashFiles) sync() error {
	for level, file := range h.open {
		if file == nil || !h.dirty[level] {
			continue
		}
		if err := unix.Fdatasync(int(file.Fd())); err != nil {
			return fmt.Errorf("sync the log's hashes: %w", err)
		}
		h.dirty[level] = false
	}
	return nil
}

func (h *hashFiles) shut(level int) error {
	file := h.open[level]
	if file == nil {
		return nil
	}
	h.open[level] = nil
	if !h.dirty[level] {
		return file.Close()
	}
	h.dirty[level] = false
	return errors.Join(file.Sync(), file.Close())
}

func (h *hashFiles) close() error {
	var problems []error
	for level := range h.open {
		problems = append(problems, h.shut(level))
	}
	return errors.Join(problems...)
}

// prune removes the chunks that are older than the oldest line and than the chunks that are kept for consistency proofs.
func (h *hashFiles) prune(f Folder, oldest, size int64) error {
	for level := range translog.Levels {
		from := min(translog.LevelSize(level, oldest)/chunk, translog.LevelSize(level, size)/chunk-keptChunks)
		for number := from - 1; number >= 0; number-- {
			if err := os.Remove(f.chunk(level, number)); errors.Is(err, os.ErrNotExist) {
				break // it and those before it went earlier
			} else if err != nil {
				return fmt.Errorf("remove hashes of the log: %w", err)
			}
		}
	}
	return nil
}
