package sandbox

import (
	"fmt"

	"data-space.liqo.io/pkg/values/workload"
)

// Reach returns a path that opens, from here, the network namespace that the runtime names: its own pin, or the same as
// the node's first process sees it. errors.Is ErrGone if neither is a namespace.
func Reach(pin string) (string, error) {
	for _, way := range []string{pin, onNode(pin)} {
		if isNamespace(way) {
			return way, nil
		}
	}
	return "", fmt.Errorf("network namespace %s is none, neither here nor on the node: %w", pin, ErrGone)
}

// ProcessOf finds the control group of a container's first process, whose number is known. errors.Is ErrGone if the
// number is no longer that container's.
func (c *Client) ProcessOf(container string, pid int) (workload.Process, error) {
	return c.host.process(container, pid)
}

// Locate returns the path that leads to a file of the node from here: an agent in a container needs no mount of it.
func Locate(path string) string { return locate(path) }
