package seccompfile

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"data-space.liqo.io/pkg/effects/atomicfile"
)

// ErrNoKubelet means that the kubelet's folder is not where it was said to be.
var ErrNoKubelet = errors.New("the folder of the node's kubelet is not there")

// usual are the folders that kubelets have (their --root-dir).
func usual() []string {
	return []string{"/var/lib/kubelet", "/var/snap/microk8s/common/var/lib/kubelet", "/var/lib/k0s/kubelet", "/var/lib/rancher/k3s/agent/kubelet", "/var/vcap/data/kubelet"}
}

// Folder is where the kubelet looks for profiles (ROOT/seccomp). The profile itself lies in a folder of the node that is empty
// after a boot, the kubelet's entry is a symlink to it: before the agent has written it, the runtime can create no container
// that names it.
type Folder struct {
	Kubelet  string // the kubelet's folder, as the node names it
	Volatile string // as both the node and this program name it
	Root     string // the node's root folder, as this program sees it; empty: the same
}

// Open finds the kubelet's folder, here or on the node. errors.Is ErrNoKubelet if it is not there.
func Open(kubelet, volatile string) (Folder, error) {
	for _, root := range []string{"", nodeRoot} {
		info, err := os.Stat(root + kubelet)
		if err == nil && info.IsDir() {
			return Folder{Kubelet: kubelet, Volatile: volatile, Root: root}, nil
		}
	}
	return Folder{}, fmt.Errorf("%s: %w; the kubelet's --root-dir names it, usual ones are %s", kubelet, ErrNoKubelet, strings.Join(usual(), ", "))
}

// nodeRoot is the root folder of the node's first process.
const nodeRoot = "/proc/1/root"

// Put puts the profile in its place, and puts back what others changed. It reports whether there was something to do. Links
// to profiles of an earlier boot are removed, files of this boot stay: containers that run may name them.
func (f Folder) Put(name string, text []byte) (changed bool, err error) {
	link := filepath.Join(f.Root+f.Kubelet, "seccomp", name)
	file := filepath.Join(f.Volatile, filepath.Base(name))
	for _, dir := range []string{f.Volatile, filepath.Dir(link)} {
		if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // the runtime reads it, whatever user it has
			return false, fmt.Errorf("seccomp profile %s: %w", name, err)
		}
	}
	if have, err := os.ReadFile(file); err != nil || !bytes.Equal(have, text) { //nolint:gosec // our own file
		changed = true
		if err := atomicfile.Write(file, text, 0o644); err != nil {
			return false, fmt.Errorf("seccomp profile %s: %w", name, err)
		}
	}
	if target, err := os.Readlink(link); err != nil || target != file {
		changed = true
		if err := relink(link, file); err != nil {
			return false, fmt.Errorf("seccomp profile %s: %w", name, err)
		}
	}
	return changed, f.prune(filepath.Dir(link))
}

// Remove removes all profiles and links to them.
func (f Folder) Remove(folder string) error {
	return errors.Join(os.RemoveAll(filepath.Join(f.Root+f.Kubelet, "seccomp", folder)), os.RemoveAll(f.Volatile))
}

// prune removes links to profiles that are gone.
func (f Folder) prune(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("seccomp profiles: %w", err)
	}
	for _, e := range entries {
		target, err := os.Readlink(filepath.Join(dir, e.Name()))
		if err != nil || filepath.Dir(target) != f.Volatile {
			continue // not ours
		}
		if _, err := os.Stat(target); errors.Is(err, fs.ErrNotExist) {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				return fmt.Errorf("seccomp profiles: %w", err)
			}
		}
	}
	return nil
}

// relink replaces what is at the link's path by a link to the file.
func relink(link, file string) error {
	made := link + ".new"
	if err := os.Remove(made); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Symlink(file, made); err != nil {
		return err
	}
	return os.Rename(made, link)
}
