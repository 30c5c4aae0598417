package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"data-space.liqo.io/test/cluster/internal/image"
	"data-space.liqo.io/test/cluster/internal/plan"
)

// Images builds what changed and, when the lab is up, loads it into the nodes and ends the pods that run an older one:
// the tags stay the same, so nothing else would make a new pod of them.
func (c *Cluster) Images(ctx context.Context) error {
	images, broken := c.builder().Build(ctx)
	if !c.isUp() {
		c.Log.Say("%d images are built; the lab is not up, so they are loaded nowhere", len(images))
		return broken
	}
	return errors.Join(broken, c.Log.Do("images are in both nodes", func() error {
		changed, err := c.load(ctx, images)
		if err != nil {
			return err
		}
		return c.endPodsOf(ctx, changed)
	}))
}

func (c *Cluster) builder() *image.Builder {
	return &image.Builder{Root: c.Root, Dirs: c.Dirs, Log: c.Log}
}

// load puts the images into every node, as soon as its containerd answers. It returns the tags of those that some node
// did not have.
func (c *Cluster) load(ctx context.Context, images []image.Built) ([]string, error) {
	var mu sync.Mutex
	var changed []string
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
				mu.Lock()
				changed = append(changed, i.Tag())
				mu.Unlock()
			}
		}
		return nil
	})
	slices.Sort(changed)
	return slices.Compact(changed), err
}

// endPodsOf deletes the pods that use one of the images; what made them makes them anew.
func (c *Cluster) endPodsOf(ctx context.Context, tags []string) error {
	if len(tags) == 0 {
		return nil
	}
	c.Log.Say("new in the nodes: %s", strings.Join(tags, " "))
	out, err := c.kubectl(ctx, "", "get", "pods", "-A", "-o",
		`jsonpath={range .items[*]}{.metadata.namespace}{" "}{.metadata.name}{" "}{.spec.initContainers[*].image}{" "}{.spec.containers[*].image}{"\n"}{end}`)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		if len(words) < 3 || !slices.ContainsFunc(words[2:], func(w string) bool { return slices.Contains(tags, w) }) {
			continue
		}
		if _, err := c.kubectl(ctx, "", "delete", "pod", "-n", words[0], words[1], "--wait=false", "--ignore-not-found"); err != nil {
			return err
		}
	}
	return nil
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
