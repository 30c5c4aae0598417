package factlog

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"data-space.liqo.io/pkg/decisions/translog"
)

// What is in the folder.
const (
	linesFolder    = "lines"      // segments: FIRST.jsonl, named after the index of their first line
	hashesFolder   = "hashes"     // chunks of entries of tiles: LEVEL/NUMBER
	checkpointFile = "checkpoint" // the newest, signed
	cosignedFile   = "cosigned"   // cosigned-WITNESS: the newest that each witness cosigned (a hash of its name)
	keyFile        = "key"        // private keys, 0600; the last signs, and the one before it as well
	keysFile       = "keys"       // the public keys of all that were ever used
	lockFile       = "lock"       // held by the one agent that writes

	extension = ".jsonl"
	// chunk is how many hashes a file has: 2 MiB. A tile is never in two.
	chunk = translog.TileWidth * translog.TileWidth
	// keptChunks is how many chunks of a level are kept at most beyond those that the lines need: the last 2,097,152 lines may be proven
	// consistent with an older checkpoint, also if the lines themselves are gone.
	keptChunks = 32
)

// Folder reads a log, also while an agent writes it.
type Folder string

func (f Folder) path(parts ...string) string {
	return filepath.Join(append([]string{string(f)}, parts...)...)
}

func (f Folder) segment(first int64) string {
	return f.path(linesFolder, fmt.Sprintf("%020d%s", first, extension))
}

func (f Folder) chunk(level int, number int64) string {
	return f.path(hashesFolder, fmt.Sprint(level), fmt.Sprintf("%012d", number))
}

// Checkpoint returns the newest signed checkpoint. errors.Is fs.ErrNotExist if there is none yet.
func (f Folder) Checkpoint() ([]byte, error) { return os.ReadFile(f.path(checkpointFile)) }

// Keys returns the public keys of the log, oldest first.
func (f Folder) Keys() ([]string, error) {
	text, err := os.ReadFile(f.path(keysFile))
	return strings.Fields(string(text)), err
}

// Segments lists the files of lines, oldest first.
func (f Folder) Segments() ([]translog.Segment, error) {
	listed, err := os.ReadDir(f.path(linesFolder))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // the log has not begun
	}
	if err != nil {
		return nil, fmt.Errorf("list the log's lines: %w", err)
	}
	var all []translog.Segment
	for _, entry := range listed {
		var first int64
		if n, err := fmt.Sscanf(entry.Name(), "%020d"+extension, &first); n != 1 || err != nil || entry.Name() != filepath.Base(f.segment(first)) {
			continue
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed meanwhile
		}
		if err != nil {
			return nil, fmt.Errorf("list the log's lines: %w", err)
		}
		all = append(all, translog.Segment{First: first, Size: info.Size()})
	}
	return all, nil
}

// Comparable returns the smallest size of a checkpoint that a log of so many lines can be compared with: the hashes of older ones may be gone.
func (f Folder) Comparable(size int64) (int64, error) {
	segments, err := f.Segments()
	if err != nil || len(segments) == 0 {
		return size, err
	}
	return max(0, min(segments[0].First, size-(keptChunks-1)*chunk)), nil
}

// Entries is a translog.Entries over the stored hashes.
func (f Folder) Entries(level int, first int64, count int) ([]tlog.Hash, error) {
	raw := make([]byte, count*tlog.HashSize)
	file, err := os.Open(f.chunk(level, first/chunk))
	if err != nil {
		return nil, fmt.Errorf("read the log's hashes: %w", err)
	}
	_, err = file.ReadAt(raw, first%chunk*tlog.HashSize)
	if err = errors.Join(err, file.Close()); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read the log's hashes: %w", err)
	} else if err != nil {
		return nil, fmt.Errorf("hashes of level %d are missing from entry %d on", level, first)
	}
	all := make([]tlog.Hash, count)
	for i := range all {
		all[i] = tlog.Hash(raw[i*tlog.HashSize:])
	}
	return all, nil
}
