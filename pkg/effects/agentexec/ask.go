package agentexec

import (
	"context"
	"io"
)

// Ask writes what an agent answers at a path of its local socket, while it arrives.
func (c *Cluster) Ask(ctx context.Context, a Agent, stdout io.Writer, path string) error {
	return c.Stream(ctx, a, stdout, "ask", path)
}
