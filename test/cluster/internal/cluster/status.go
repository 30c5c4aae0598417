package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"
)

// Status writes what there is, and fails when something that the lab itself is made of is not well. Pods of others are
// shown and not judged.
func (c *Cluster) Status(ctx context.Context, out io.Writer) error {
	for _, name := range c.Lab.Names() {
		pid, err := c.Pid(name)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%-11s runs, first process %d\n", name, pid)
	}
	for _, what := range []string{"nodes", "pods"} {
		text, err := c.kubectl(ctx, "", "get", what, "--all-namespaces", "--output=wide")
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "\n%s", text)
	}
	fmt.Fprintf(out, "\nlogs: %s\n", filepath.Dir(c.Dirs.Logs(c.Lab.Switch)))
	return errors.Join(c.apiReady(ctx), c.nodesReady(ctx), c.dnsReady(ctx, time.Second))
}

// Machine checks that name is a machine of the lab; the control plane when it is empty.
func (c *Cluster) Machine(name string) (string, error) {
	if name == "" {
		return c.Lab.Control.Name, nil
	}
	for _, known := range c.Lab.Names() {
		if known == name {
			return name, nil
		}
	}
	return "", fmt.Errorf("no machine %q in the lab; there are %v", name, c.Lab.Names())
}
