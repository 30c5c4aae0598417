package logfollow

import (
	"cmp"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// candidate is a log file of the container. The kubelet names them N.log, where N is the container's restart count, and
// N.log.TIME once they are rotated; older ones are compressed, and no more of interest.
type candidate struct {
	path    string
	name    string // N
	restart int
	rotated bool
	stamp   string
	inode   uint64
}

// candidates are the files in which there can be something new, oldest first.
func candidates(folder string, listed []fs.DirEntry) []candidate {
	var all []candidate
	for _, entry := range listed {
		name, stamp, rotated := strings.Cut(entry.Name(), ".log.")
		if !rotated {
			var plain bool
			if name, plain = strings.CutSuffix(entry.Name(), ".log"); !plain {
				continue
			}
		}
		restart, err := strconv.Atoi(name)
		if err != nil || strings.Contains(stamp, ".") { // N.log.TIME.gz, N.log.TIME.tmp
			continue
		}
		path := filepath.Join(folder, entry.Name())
		info, err := os.Stat(path)
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		s, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			continue
		}
		all = append(all, candidate{path: path, name: name, restart: restart, rotated: rotated, stamp: stamp, inode: s.Ino})
	}
	slices.SortFunc(all, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.restart, b.restart), cmp.Compare(rank(a), rank(b)), strings.Compare(a.stamp, b.stamp))
	})
	return all
}

func rank(c candidate) int {
	if c.rotated {
		return 0
	}
	return 1
}
