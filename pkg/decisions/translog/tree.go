package translog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// Hashes are kept as the entries of tiles (https://c2sp.org/tlog-tiles): entry n of level l is the hash over the lines from n*256^l to
// (n+1)*256^l. What lies between the levels is computed.
const (
	tileHeight = 8
	TileWidth  = 1 << tileHeight
	Levels     = 8 // 256^8 lines
)

// Entries returns the hashes of count entries of a level, from the entry first on.
type Entries func(level int, first int64, count int) ([]tlog.Hash, error)

// ReadHashes makes Entries a tlog.HashReader.
func (e Entries) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	all := make([]tlog.Hash, 0, len(indexes))
	for _, index := range indexes {
		level, n := tlog.SplitStoredHashIndex(index)
		within := level % tileHeight
		part, err := e(level/tileHeight, n<<within, 1<<within)
		if err != nil {
			return nil, err
		}
		if len(part) != 1<<within {
			return nil, errors.New("hashes of the log are missing")
		}
		all = append(all, subtreeRoot(part))
	}
	return all, nil
}

// subtreeRoot returns the hash over the entries of a whole subtree: their number is a power of two.
func subtreeRoot(entries []tlog.Hash) tlog.Hash {
	level := append([]tlog.Hash(nil), entries...)
	for len(level) > 1 {
		for i := range len(level) / 2 {
			level[i] = tlog.NodeHash(level[2*i], level[2*i+1])
		}
		level = level[:len(level)/2]
	}
	return level[0]
}

// Grown is an entry that a line completes.
type Grown struct {
	// Level and N are the place of the entry in the tree of tiles (https://c2sp.org/tlog-tiles): level 0 has the hashes of lines.
	Level int
	N     int64
	Hash  tlog.Hash
}

// Grow returns what one more line adds to a tree of size lines: its own hash, and those of the tiles that it completes. edge holds, per
// level, the entries of the tile that is not complete; Grow keeps it.
func Grow(edge *[Levels][]tlog.Hash, size int64, line []byte) []Grown {
	hash, n := tlog.RecordHash(line), size
	var all []Grown
	for level := range Levels {
		all = append(all, Grown{Level: level, N: n, Hash: hash})
		edge[level] = append(edge[level], hash)
		if len(edge[level]) < TileWidth {
			break
		}
		hash, n = subtreeRoot(edge[level]), n/TileWidth
		edge[level] = edge[level][:0]
	}
	return all
}

// LevelSize returns how many entries a level has in a tree of size lines.
func LevelSize(level int, size int64) int64 { return size >> (tileHeight * level) }

// tilesFolder begins the paths of tiles, and hashTiles those that golang.org/x/mod reads: it names their height as well.
const tilesFolder, hashTiles = "tile/", "tile/8/"

// TilePath is where a tile is found in a log that is served or exported. Level -1 has the lines.
func TilePath(t tlog.Tile) string {
	path := tilesFolder + strings.TrimPrefix(t.Path(), hashTiles)
	return strings.Replace(path, "tile/data/", "tile/entries/", 1)
}

// ParseTilePath reads such a path.
func ParseTilePath(path string) (tlog.Tile, error) {
	rest, found := strings.CutPrefix(path, tilesFolder)
	if entries, isLines := strings.CutPrefix(rest, "entries/"); isLines {
		rest = "data/" + entries
	}
	t, err := tlog.ParseTilePath(hashTiles + rest)
	if err != nil || !found || t.L >= Levels || TilePath(t) != path {
		return tlog.Tile{}, fmt.Errorf("%q is not the path of a tile", path)
	}
	return t, nil
}

// Tiles returns the paths of all tiles of a log of size lines whose lines begin at oldest, and whose hashes begin with that line's tile.
func Tiles(oldest, size int64) []tlog.Tile {
	var all []tlog.Tile
	add := func(level int, first, entries int64) {
		for n := first / TileWidth; n*TileWidth < entries; n++ {
			all = append(all, tlog.Tile{H: tileHeight, L: level, N: n, W: int(min(TileWidth, entries-n*TileWidth))})
		}
	}
	add(-1, (oldest+TileWidth-1)/TileWidth*TileWidth, size) // only whole tiles of lines, except the last
	for level := range Levels {
		add(level, LevelSize(level, oldest), LevelSize(level, size))
	}
	return all
}

// AppendEntry appends a line to a tile of lines.
func AppendEntry(tile, line []byte) []byte {
	return append(binary.BigEndian.AppendUint16(tile, uint16(len(line))), line...) //nolint:gosec // a line has at most fact.MaxLine bytes
}
