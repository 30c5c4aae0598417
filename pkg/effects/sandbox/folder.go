package sandbox

import (
	"os"
	"path/filepath"
	"strings"
)

// links bounds how many symlinks a path may lead over, as the kernel does.
const links = 40

// Folders answers questions about folders of the node, which the agent's own mount namespace need not show.
type Folders struct{}

// Reach returns the path that leads to a folder of the node from here, over symlinks as the node's processes follow them.
// Where the first process is not to be seen it is the path itself.
func (Folders) Reach(folder string) string {
	root := filepath.Join(procfs, "1/root")
	if _, err := os.Stat(root + "/."); err != nil {
		return folder
	}
	return filepath.Join(root, resolve(root, folder))
}

// Exists implements cnifolder.Node.
func (f Folders) Exists(folder string) bool {
	info, err := os.Stat(f.Reach(folder))
	return err == nil && info.IsDir()
}

// Same implements cnifolder.Node.
func (f Folders) Same(a, b string) bool {
	if filepath.Clean(a) == filepath.Clean(b) {
		return true
	}
	x, errX := os.Stat(f.Reach(a))
	y, errY := os.Stat(f.Reach(b))
	return errX == nil && errY == nil && os.SameFile(x, y)
}

// resolve returns a path without symlinks: an absolute one leads to the root's, not to ours.
func resolve(root, name string) string {
	done, rest := "/", strings.Split(filepath.Clean(name), "/")
	for followed := 0; len(rest) > 0; {
		part := rest[0]
		rest = rest[1:]
		if part == "" {
			continue
		}
		next := filepath.Join(done, part)
		target, err := os.Readlink(filepath.Join(root, next))
		if err != nil || followed == links {
			done = next // not a symlink, or not there
			continue
		}
		followed++
		if filepath.IsAbs(target) {
			done = "/"
		}
		rest = append(strings.Split(target, "/"), rest...)
	}
	return done
}
