package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"data-space.liqo.io/test/cluster/internal/cgroup"
	"data-space.liqo.io/test/cluster/internal/image"
	"data-space.liqo.io/test/cluster/internal/machine"
	"data-space.liqo.io/test/cluster/internal/render"
	"data-space.liqo.io/test/cluster/internal/wiring"
)

// Up brings the lab up, or just its images up to date when it is up already. What was left of a lab that crashed goes
// first. If it fails or is interrupted, nothing stays; except that a broken image is reported, and the lab remains.
func (c *Cluster) Up(ctx context.Context) error {
	if c.isUp() {
		c.Log.Say("the lab is up already")
		return c.Images(ctx)
	}
	if err := c.Down(ctx); err != nil {
		return fmt.Errorf("clear what an earlier lab left: %w", err)
	}
	broken, err := c.start(ctx)
	if err != nil {
		c.Log.Say("failed: taking everything down; the logs stay in %s", filepath.Dir(c.Dirs.Logs("x")))
		return errors.Join(err, c.Down(context.WithoutCancel(ctx)))
	}
	if broken != nil {
		return fmt.Errorf("the lab is up, but not all images could be built: %w", broken)
	}
	return nil
}

// marker exists when Up has come to its end.
func (c *Cluster) marker() string { return filepath.Join(c.Dirs.State, "up") }

// isUp reports whether Up has come to its end and every machine still runs.
func (c *Cluster) isUp() bool {
	if _, err := os.Stat(c.marker()); err != nil {
		return false
	}
	for _, name := range c.Lab.Names() {
		if _, err := c.Pid(name); err != nil {
			return false
		}
	}
	return true
}

// start does the work of Up. Images that cannot be built do not stop it; they are returned as broken.
func (c *Cluster) start(ctx context.Context) (broken, err error) {
	if err := c.Log.Do("certificates and configuration", func() error { return c.prepare(time.Now()) }); err != nil {
		return nil, err
	}
	var machines []*machine.Machine
	err = c.Log.Do("machines and their network", func() (err error) {
		machines, err = c.boot()
		return err
	})
	if err != nil {
		return nil, err
	}
	group, both := errgroup.WithContext(ctx)
	group.Go(func() error { return c.awaitNodes(both) })
	group.Go(func() error {
		var images []image.Built
		images, broken = c.builder().Build(both)
		return c.Log.Do("images are in both nodes", func() error {
			_, err := c.load(both, images)
			return err
		})
	})
	if err := group.Wait(); err != nil {
		return nil, err
	}
	if err := c.Log.Do("cluster DNS runs", func() error { return c.dns(ctx) }); err != nil {
		return nil, err
	}
	return broken, c.keep(machines)
}

// keep lets the machines outlive this command, and remembers that Up has come to its end.
func (c *Cluster) keep(machines []*machine.Machine) error {
	for _, m := range machines {
		if err := m.Keep(); err != nil {
			return err
		}
	}
	if err := os.WriteFile(c.marker(), nil, 0o644); err != nil {
		return fmt.Errorf("remember that the lab is up: %w", err)
	}
	return nil
}

func (c *Cluster) awaitNodes(ctx context.Context) error {
	err := c.Log.Do("the API server answers", func() error { return until(ctx, 2*time.Minute, c.apiReady) })
	if err != nil {
		return err
	}
	err = c.Log.Do("both nodes are Ready", func() error { return until(ctx, 2*time.Minute, c.nodesReady) })
	if err != nil {
		return err
	}
	return c.Log.Do("both Nodes name their pod ranges", func() error { return until(ctx, time.Minute, c.podRanges) })
}

// boot creates all machines, wires them up, and starts their programs.
func (c *Cluster) boot() ([]*machine.Machine, error) {
	var all []*machine.Machine
	created := map[string]*machine.Machine{}
	for _, name := range c.Lab.Names() {
		m, err := machine.Create(name, c.Dirs.Lock(name))
		if err != nil {
			return nil, err
		}
		all, created[name] = append(all, m), m
	}
	if err := c.wire(created); err != nil {
		return nil, err
	}
	for _, n := range c.Lab.Nodes {
		if err := cgroup.Make(n.Name); err != nil {
			return nil, err
		}
	}
	for _, spec := range c.specs() {
		if err := created[spec.Name].Boot(spec); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// wire joins the machines to the switch.
func (c *Cluster) wire(machines map[string]*machine.Machine) error {
	hub := machines[c.Lab.Switch].Pid
	if err := wiring.Switch(hub); err != nil {
		return err
	}
	for _, m := range c.Lab.Machines() {
		if err := wiring.Join(c.Lab, m, hub, machines[m.Name].Pid); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cluster) specs() []machine.Spec {
	specs := []machine.Spec{
		{Name: c.Lab.Switch, LogDir: c.Dirs.Logs(c.Lab.Switch)},
		render.Control(c.Lab, c.Dirs),
	}
	for _, n := range c.Lab.Nodes {
		specs = append(specs, render.Node(n, c.Dirs))
	}
	return specs
}

func (c *Cluster) apiReady(ctx context.Context) error {
	_, err := c.kubectl(ctx, "", "get", "--raw=/readyz")
	return err
}
