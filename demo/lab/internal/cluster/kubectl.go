package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"data-space.liqo.io/demo/lab/internal/machine"
)

// Env is the environment of a command that runs inside the lab.
func (c *Cluster) Env() []string {
	return append(os.Environ(), "KUBECONFIG="+c.Dirs.Kubeconfig(), "PATH="+c.Dirs.Bin()+":"+os.Getenv("PATH"))
}

// kubectl runs kubectl in the control plane's network as the administrator.
func (c *Cluster) kubectl(ctx context.Context, stdin string, args ...string) ([]byte, error) {
	pid, err := c.Pid(c.Lab.Control.Name)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, c.Dirs.Program("kubectl"), args...)
	cmd.Env = c.Env()
	cmd.Stdin = strings.NewReader(stdin)
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := machine.Run(pid, machine.Network, cmd); err != nil {
		return nil, fmt.Errorf("kubectl %s: %w\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return []byte(stdout.String()), nil
}

// until repeats ask until it succeeds; when the time is over it returns its last error.
func until(ctx context.Context, limit time.Duration, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		err := ask(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("gave up after %s: %w", limit, err)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// node is what the lab wants to know of a Node.
type node struct {
	Metadata struct{ Name string }
	Status   struct {
		Conditions []struct{ Type, Status, Message string }
	}
}

// notReady says why a node is not ready; it is empty when it is.
func (n node) notReady() string {
	for _, c := range n.Status.Conditions {
		if c.Type == "Ready" && c.Status == "True" {
			return ""
		}
		if c.Type == "Ready" {
			return c.Message
		}
	}
	return "has not reported yet"
}

// nodesReady fails unless every node of the plan is registered and Ready.
func (c *Cluster) nodesReady(ctx context.Context) error {
	text, err := c.kubectl(ctx, "", "get", "nodes", "--output=json")
	if err != nil {
		return err
	}
	var list struct{ Items []node }
	if err := json.Unmarshal(text, &list); err != nil {
		return fmt.Errorf("read the list of nodes: %w", err)
	}
	reasons := map[string]string{}
	for _, n := range list.Items {
		reasons[n.Metadata.Name] = n.notReady()
	}
	for _, n := range c.Lab.Nodes {
		why, registered := reasons[n.Name]
		if !registered {
			return fmt.Errorf("node %s is not registered (its kubelet's log: %s/kubelet.log)", n.Name, c.Dirs.Logs(n.Name))
		}
		if why != "" {
			return fmt.Errorf("node %s is not ready: %s", n.Name, why)
		}
	}
	return nil
}
