package kubectlplugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"data-space.liqo.io/pkg/effects/agentexec"
)

// Records is the record on each node.
type Records interface {
	// Agents returns the agents by node.
	Agents(ctx context.Context) ([]agentexec.Agent, error)
	// Stream runs a command of an agent and writes what it prints.
	Stream(ctx context.Context, a agentexec.Agent, stdout io.Writer, args ...string) error
}

// Query chooses entries of the record.
type Query struct {
	Pod   string        // NAMESPACE/NAME; empty: of any pod
	Guest string        // cluster id; empty: of any guest
	Since time.Duration // 0: of all times
	Form  string        // table or json
}

func (q Query) args() []string {
	args := []string{"requests", "-o", q.Form}
	if q.Pod != "" {
		args = append(args, "--pod", q.Pod)
	}
	if q.Guest != "" {
		args = append(args, "--guest", q.Guest)
	}
	if q.Since > 0 {
		args = append(args, "--since", q.Since.String())
	}
	return args
}

// Requests writes the entries of all nodes, node by node: a pod of the same name may have run on each. The error names every node
// whose record is missing; the entries of the others are written.
func Requests(ctx context.Context, records Records, stdout io.Writer, q Query) error {
	agents, err := records.Agents(ctx)
	if err != nil {
		return err
	}
	if len(agents) == 0 {
		return errors.New("there is no agent: is Data Spacer installed in this namespace (--system-namespace)?")
	}
	var problems []error
	for _, a := range agents {
		if !a.Running {
			problems = append(problems, fmt.Errorf("the record of node %s is missing: its agent does not run", a.Node))
			continue
		}
		if q.Form == "table" {
			fmt.Fprintf(stdout, "node %s\n", a.Node)
		}
		if err := records.Stream(ctx, a, stdout, q.args()...); err != nil {
			problems = append(problems, fmt.Errorf("the record of node %s is missing or not whole: %w", a.Node, err))
		}
	}
	return errors.Join(problems...)
}
