package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"data-space.liqo.io/demo/lab/internal/image"
	"data-space.liqo.io/demo/lab/internal/plan"
)

// Images builds what changed and, when the lab is up, loads it into the nodes. Pods that run keep the image they have.
func (c *Cluster) Images(ctx context.Context) error {
	images, broken := c.builder().Build(ctx)
	if !c.isUp() {
		c.Log.Say("%d images are built; the lab is not up, so they are loaded nowhere", len(images))
		return broken
	}
	return errors.Join(broken, c.Log.Do("images are in both nodes", func() error { return c.load(ctx, images) }))
}

func (c *Cluster) builder() *image.Builder {
	return &image.Builder{Root: c.Root, Dirs: c.Dirs, Log: c.Log}
}

// load puts the images into every node, as soon as its containerd answers.
func (c *Cluster) load(ctx context.Context, images []image.Built) error {
	var loaded atomic.Int32
	err := c.each(ctx, func(ctx context.Context, n plan.Machine) error {
		if err := until(ctx, time.Minute, func(ctx context.Context) error { return answers(ctx, c.Dirs.ContainerdSocket(n.Name)) }); err != nil {
			return fmt.Errorf("containerd of %s (its log: %s/containerd.log): %w", n.Name, c.Dirs.Logs(n.Name), err)
		}
		for _, i := range images {
			did, err := image.Load(ctx, c.Dirs, n.Name, i)
			if err != nil {
				return err
			}
			if did {
				loaded.Add(1)
			}
		}
		return nil
	})
	if err == nil && loaded.Load() > 0 {
		c.Log.Say("copied %d images into nodes", loaded.Load())
	}
	return err
}

// answers tells whether something listens on a unix socket.
func answers(ctx context.Context, socket string) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", socket)
	if err != nil {
		return err
	}
	return conn.Close()
}
