// Package ledger stores on the node which network namespaces the agent writes to. An agent that starts while the API server
// cannot be reached reads there what it guards, and one that starts later what it must give back.
package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"data-space.liqo.io/pkg/effects/atomicfile"
)

// Entry is one guarded sandbox. It is one file of the node; agents of other versions read it, so fields are only added.
type Entry struct {
	Sandbox   string `json:"sandbox"` // the container runtime's id
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	UID       string `json:"uid"`
	Guest     string `json:"guest"`

	Netns   uint64 `json:"netns"`             // inode
	Plan    string `json:"plan,omitempty"`    // hash of the rules that were asked for; empty: not verified yet
	Cgroup  string `json:"cgroup,omitempty"`  // that they are bound to
	Control uint64 `json:"control,omitempty"` // inode of that control group
	// Suspended: the guest is suspended, so the rules are bound to no proxy, whichever runs.
	Suspended bool   `json:"suspended,omitempty"`
	Own       string `json:"own,omitempty"` // what the container runtime made in the network namespace (podhooks.Own); empty: not known yet
	Boot      string `json:"boot"`          // the kernel's boot id: network namespaces do not survive a boot
}

// Ledger is a folder with one file for each sandbox. It is safe for concurrent use; two processes must not share one.
type Ledger struct {
	dir, boot string

	mu      sync.Mutex
	entries map[string]Entry
}

// Open reads the folder, making it if there is none. Entries of an earlier boot are removed; a file that cannot be read
// is an error that names it: what it said is not known.
func Open(dir string) (*Ledger, error) {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return nil, fmt.Errorf("which boot this is: %w", err)
	}
	l := &Ledger{dir: dir, boot: strings.TrimSpace(string(boot)), entries: map[string]Entry{}}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the ledger's folder: %w", err)
	}
	if err := atomicfile.Collect(dir); err != nil {
		return nil, fmt.Errorf("remove what a killed agent left in the ledger's folder: %w", err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, fmt.Errorf("list the ledger: %w", err)
	}
	for _, file := range files {
		if err := l.read(file); err != nil {
			return nil, fmt.Errorf("read the ledger: %s: %w; remove the file if it is damaged: the pod is then found again through the API server",
				file, err)
		}
	}
	return l, nil
}

func (l *Ledger) read(file string) error {
	text, err := os.ReadFile(file) //nolint:gosec // found by Open in its own folder
	if err != nil {
		return err
	}
	var e Entry
	if err := json.Unmarshal(text, &e); err != nil {
		return err
	}
	if e.Boot != l.boot {
		return os.Remove(file)
	}
	l.entries[e.Sandbox] = e
	return nil
}

// All returns a copy of the entries, by sandbox id.
func (l *Ledger) All() map[string]Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make(map[string]Entry, len(l.entries))
	for id, e := range l.entries {
		out[id] = e
	}
	return out
}

// Get returns the entry of a sandbox.
func (l *Ledger) Get(sandbox string) (Entry, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e, ok := l.entries[sandbox]
	return e, ok
}

// Put stores the entry whole or not at all. An entry that is already stored costs nothing.
func (l *Ledger) Put(e Entry) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	e.Boot = l.boot
	if l.entries[e.Sandbox] == e {
		return nil
	}
	text, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("store ledger entry: %w", err)
	}
	if err := atomicfile.Write(l.file(e.Sandbox), text, 0o600); err != nil {
		return fmt.Errorf("store ledger entry: %w", err)
	}
	l.entries[e.Sandbox] = e
	return nil
}

// Delete forgets a sandbox; one that is not known is no error.
func (l *Ledger) Delete(sandbox string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := os.Remove(l.file(sandbox)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove ledger entry: %w", err)
	}
	delete(l.entries, sandbox)
	return nil
}

func (l *Ledger) file(sandbox string) string {
	return filepath.Join(l.dir, filepath.Base(sandbox)+".json")
}
