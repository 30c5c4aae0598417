package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"data-space.liqo.io/test/cluster/internal/machine"
	"data-space.liqo.io/test/cluster/internal/plan"
	"data-space.liqo.io/test/cluster/internal/steps"
	"data-space.liqo.io/test/cluster/internal/supply"
)

// Cluster is the lab, up or not.
type Cluster struct {
	Lab  plan.Lab
	Dirs plan.Dirs
	// Root is the repository whose programs and images the lab runs.
	Root string
	Log  *steps.Log
}

// ErrDown means that a command needs the lab, and it is not up.
var ErrDown = errors.New("the lab is not up: start it with the verb up")

// Supplies brings every program that the lab runs.
func (c *Cluster) Supplies(ctx context.Context) error {
	if err := c.upstream().Ensure(ctx); err != nil {
		return err
	}
	return supply.Envoy(ctx, c.Dirs, c.Log, os.Getenv("ENVOY"))
}

// TestSupplies brings what only tests run besides.
func (c *Cluster) TestSupplies(ctx context.Context) error { return c.upstream().CRIO(ctx) }

func (c *Cluster) upstream() supply.Upstream {
	return supply.Upstream{Root: c.Root, Dirs: c.Dirs, Log: c.Log}
}

// Exclusive waits until no other command changes the lab or its cache, and keeps others out until release is called.
func (c *Cluster) Exclusive() (release func(), err error) {
	if err := os.MkdirAll(c.Dirs.Cache, 0o755); err != nil {
		return nil, fmt.Errorf("cache: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(c.Dirs.Cache, "lab.lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock the cache: %w", err)
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		c.Log.Say("waiting for another lab command to end")
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock the cache: %w", err), f.Close())
	}
	return func() { _ = f.Close() }, nil
}

// Pid is the first process of a machine. It fails with ErrDown when the machine does not run.
func (c *Cluster) Pid(name string) (int, error) {
	pid, err := machine.Find(c.Dirs.Lock(name))
	if err == nil && pid == 0 {
		err = fmt.Errorf("machine %s: %w", name, ErrDown)
	}
	return pid, err
}

// each runs work for every node at once.
func (c *Cluster) each(ctx context.Context, work func(context.Context, plan.Machine) error) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, n := range c.Lab.Nodes {
		group.Go(func() error { return work(ctx, n) })
	}
	return group.Wait()
}
