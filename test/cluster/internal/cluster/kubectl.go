package cluster

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"data-space.liqo.io/test/cluster/internal/machine"
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
