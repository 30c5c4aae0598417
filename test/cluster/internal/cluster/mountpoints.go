package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"data-space.liqo.io/test/cluster/internal/plan"
	"data-space.liqo.io/test/cluster/internal/render"
)

// The nodes lay their own directories over paths that must exist on the machine. Those that a lab had to make are
// remembered before they are made, and the last lab to go takes them away again: removing a directory also ends what
// other mount namespaces have laid over it.

const mountPointsFile = "mount-points.json"

func (c *Cluster) makeMountPoints() error {
	made, err := madeMountPoints()
	if err != nil {
		return err
	}
	for _, dir := range render.PrivateDirs() {
		if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
			made = append(made, dir)
		}
	}
	text, err := json.Marshal(made)
	if err != nil {
		return fmt.Errorf("remember mount points: %w", err)
	}
	if err := os.WriteFile(filepath.Join(c.Dirs.State, mountPointsFile), text, 0o644); err != nil {
		return fmt.Errorf("remember mount points: %w", err)
	}
	for _, dir := range made {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("make mount point: %w", err)
		}
	}
	return nil
}

// madeMountPoints are the directories that any lab of this machine had to make.
func madeMountPoints() ([]string, error) {
	states, err := plan.States()
	if err != nil {
		return nil, err
	}
	var all []string
	for _, state := range states {
		text, err := os.ReadFile(filepath.Join(state, mountPointsFile))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("recall mount points: %w", err)
		}
		var made []string
		if err := json.Unmarshal(text, &made); err != nil {
			return nil, fmt.Errorf("recall mount points from %s: %w", state, err)
		}
		all = append(all, made...)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// removeMountPoints removes what makeMountPoints made, unless another lab is there or somebody has put something in.
func (c *Cluster) removeMountPoints() error {
	states, err := plan.States()
	if err != nil {
		return err
	}
	if slices.ContainsFunc(states, func(s string) bool { return s != c.Dirs.State }) {
		return nil
	}
	made, err := madeMountPoints()
	if err != nil {
		return err
	}
	for _, dir := range made {
		_ = os.Remove(dir) // fails where it is in use by now, and then it is not ours any more
	}
	return nil
}
