package kubectlplugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"data-space.liqo.io/pkg/values/agentapi"
)

// Query chooses entries of the record.
type Query struct {
	Pod   string        // NAMESPACE/NAME; empty: of any pod
	Guest string        // cluster id; empty: of any guest
	Since time.Duration // 0: of all times

	Probes bool // the kubelet's as well
}

// Requests writes the entries of all nodes, node by node: a pod of the same name may have run on each. The error names every node
// whose record is missing; the entries of the others are written.
func Requests(ctx context.Context, cluster Cluster, stdout io.Writer, q Query, style Style) error {
	agents, err := cluster.Agents(ctx)
	if err != nil {
		return err
	}
	if len(agents) == 0 {
		return errNoAgents
	}
	asked := agentapi.RequestQuery{Guest: q.Guest, Pod: q.Pod, JSON: !style.ForPeople(), Wide: style.wide(), Probes: q.Probes}
	if q.Since > 0 {
		asked.Since = time.Now().Add(-q.Since)
	}
	var problems []error
	for _, a := range agents {
		if !a.Running {
			problems = append(problems, fmt.Errorf("the record of node %s is missing: its agent does not run", a.Node))
			continue
		}
		if style.ForPeople() {
			fmt.Fprintf(stdout, "node %s\n", a.Node)
		}
		if err := cluster.Ask(ctx, a, &lines{each: func(line []byte) error { return style.entry(stdout, line) }}, agentapi.RequestsPath+"?"+asked.Values().Encode()); err != nil {
			problems = append(problems, fmt.Errorf("the record of node %s is missing or not whole: %w", a.Node, err))
		}
	}
	return errors.Join(problems...)
}

// entry writes a line of an agent's answer: of a table, of JSON, or as a document of YAML. In the agent's own answer no tenant's text has a character that a
// terminal obeys, but root of its node may have the agent answer anything.
func (s Style) entry(w io.Writer, line []byte) (err error) {
	switch {
	case s.ForPeople():
		_, err = fmt.Fprintln(w, printable(string(line)))
	case s.Form == FormYAML:
		var text []byte
		if text, err = toYAML(line); err == nil {
			_, err = fmt.Fprintf(w, "---\n%s", text)
		}
	default:
		_, err = fmt.Fprintf(w, "%s\n", plain(line))
	}
	return err
}
