package factlog

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"data-space.liqo.io/pkg/decisions/translog"
	"data-space.liqo.io/pkg/effects/atomicfile"
)

// cosigned is a checkpoint that is kept, with its cosignatures.
type cosigned struct {
	translog.Checkpoint
	text       []byte
	signatures int
}

// KeepCosigned replaces the checkpoint that a witness cosigned last; other witnesses may have cosigned it as well. What a witness that is away
// cosigned before stays.
func (f Folder) KeepCosigned(witness string, signed []byte) error {
	if len(signed) > translog.MaxCheckpoint {
		return fmt.Errorf("a checkpoint of %d bytes is too long to be kept", len(signed))
	}
	name := sha256.Sum256([]byte(witness))
	return atomicfile.Write(f.path(cosignedFile+"-"+hex.EncodeToString(name[:8])), signed, 0o600)
}

// isCosigned reports whether a file of the folder is a checkpoint with cosignatures.
func isCosigned(name string) bool { return strings.HasPrefix(name, cosignedFile) }

// Cosigned returns the newest checkpoint with cosignatures, of several of the same size the one with the most. errors.Is fs.ErrNotExist if no witness
// has cosigned.
func (f Folder) Cosigned() ([]byte, error) {
	all, err := f.kept()
	var newest cosigned
	for _, c := range all {
		if newest.text == nil || c.N > newest.N || c.N == newest.N && c.signatures > newest.signatures {
			newest = c
		}
	}
	if err == nil && newest.text == nil {
		err = fmt.Errorf("no cosigned checkpoint: %w", fs.ErrNotExist)
	}
	return newest.text, err
}

// kept returns all checkpoints with cosignatures.
func (f Folder) kept() ([]cosigned, error) {
	files, err := filepath.Glob(f.path(cosignedFile) + "*")
	if err != nil {
		return nil, fmt.Errorf("list the cosigned checkpoints: %w", err)
	}
	var all []cosigned
	for _, file := range files {
		text, err := os.ReadFile(file) //nolint:gosec // in the log's own folder
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read a cosigned checkpoint: %w", err)
		}
		c, err := translog.ParseCheckpoint(unsigned(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Base(file), err)
		}
		all = append(all, cosigned{c, text, strings.Count(string(text), "\n— ")})
	}
	return all, nil
}

// Covering returns the checkpoint that covers a line and has the most signatures, of several of these the newest.
func (f Folder) Covering(index int64) ([]byte, translog.Checkpoint, error) {
	all, err := f.kept()
	if err != nil {
		return nil, translog.Checkpoint{}, err
	}
	signed, err := f.Checkpoint()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, translog.Checkpoint{}, fmt.Errorf("read the log's checkpoint: %w", err)
	}
	if err == nil {
		c, err := translog.ParseCheckpoint(unsigned(signed))
		if err != nil {
			return nil, c, err
		}
		all = append(all, cosigned{c, signed, 0})
	}
	var best cosigned
	for _, c := range all {
		if c.N > index && (best.text == nil || c.signatures > best.signatures || c.signatures == best.signatures && c.N > best.N) {
			best = c
		}
	}
	if best.text == nil {
		return nil, best.Checkpoint, fmt.Errorf("no checkpoint covers the line of index %d yet; a running agent signs one within some seconds", index)
	}
	return best.text, best.Checkpoint, nil
}
