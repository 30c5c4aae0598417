package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"data-space.liqo.io/test/cluster/internal/cgroup"
	"data-space.liqo.io/test/cluster/internal/machine"
)

// Down ends whatever there is of a lab: running, half up, or crashed. It may be called at any time, by anyone, again.
func (c *Cluster) Down(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if err := c.stopMachines(ctx); err != nil {
		return err
	}
	var failed []error
	for _, n := range c.Lab.Nodes {
		failed = append(failed, cgroup.Remove(ctx, n.Name))
	}
	failed = append(failed, c.removeMountPoints())
	// The machines' mounts ended with them, and none ever reached this mount namespace: these are plain files.
	for _, dir := range []string{c.Dirs.State, c.Dirs.Run} {
		if err := os.RemoveAll(dir); err != nil {
			failed = append(failed, fmt.Errorf("remove the lab's files: %w", err))
		}
	}
	return errors.Join(failed...)
}

func (c *Cluster) stopMachines(ctx context.Context) error {
	names := c.Lab.Names()
	failed := make([]error, len(names))
	var all sync.WaitGroup
	for i, name := range names {
		all.Go(func() { failed[i] = machine.Stop(ctx, c.Dirs.Lock(name)) })
	}
	all.Wait()
	return errors.Join(failed...)
}
