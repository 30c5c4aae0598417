package memcg

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"data-space.liqo.io/pkg/decisions/proxymemory"
)

// Group is a control group with a memory limit. It is for one goroutine at a time.
type Group struct {
	dir     string
	current *os.File // memory.current, which is read often
}

// roots are where a whole hierarchy of cgroup v2 is to be found, here or for the node's first process.
func roots() []string { return []string{"/sys/fs/cgroup", "/proc/1/root/sys/fs/cgroup"} }

// Open returns the control group of that path, as /proc/PID/cgroup shows it. It returns nil if cgroup v2 does not count its memory: on a
// node with cgroup v1 or both, and where the controller is off.
func Open(cgroup string) *Group {
	for _, root := range roots() {
		dir := filepath.Join(root, cgroup)
		if current, err := os.Open(filepath.Join(dir, "memory.current")); err == nil { //nolint:gosec // the kernel names the group
			return &Group{dir: dir, current: current}
		}
	}
	return nil
}

// Close ends the use of the group, not the group.
func (g *Group) Close() error { return g.current.Close() }

// Now returns how many bytes the group holds. It costs one system call. An error means that the group is gone.
func (g *Group) Now() (int64, error) {
	text := make([]byte, 32)
	n, err := g.current.ReadAt(text, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, fmt.Errorf("memory of a control group: %w", err)
	}
	return number(string(text[:n]))
}

// Limit returns memory.max; 0: it has none.
func (g *Group) Limit() (int64, error) {
	text, err := os.ReadFile(filepath.Join(g.dir, "memory.max"))
	if err != nil {
		return 0, fmt.Errorf("memory limit of a control group: %w", err)
	}
	if strings.TrimSpace(string(text)) == "max" {
		return 0, nil
	}
	return number(string(text))
}

// Usage returns what the group holds.
func (g *Group) Usage() (u proxymemory.Usage, err error) {
	if u.Limit, err = g.Limit(); err != nil {
		return u, err
	}
	if u.Now, err = g.Now(); err != nil {
		return u, err
	}
	text, err := os.ReadFile(filepath.Join(g.dir, "memory.stat"))
	if err != nil {
		return u, fmt.Errorf("memory of a control group: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, " ")
		field := map[string]*int64{"file": &u.File, "sock": &u.Sockets}[name]
		if field == nil {
			continue
		}
		if *field, err = number(value); err != nil {
			return u, err
		}
	}
	return u, nil
}

// Slow makes the kernel slow the group's processes down above so many bytes (memory.high).
func (g *Group) Slow(above int64) error {
	if err := os.WriteFile(filepath.Join(g.dir, "memory.high"), []byte(strconv.FormatInt(above, 10)), 0o600); err != nil {
		return fmt.Errorf("set memory.high: %w", err)
	}
	return nil
}

func number(text string) (int64, error) {
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("memory of a control group: %w", err)
	}
	return n, nil
}
