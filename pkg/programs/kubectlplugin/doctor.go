package kubectlplugin

import (
	"context"
	"fmt"
	"io"
	"time"

	"data-space.liqo.io/pkg/decisions/doctor"
	"data-space.liqo.io/pkg/effects/agentexec"
	"data-space.liqo.io/pkg/values/agentapi"
)

// observer sees what the API server has of a cluster.
type observer interface {
	// Observe reads what the findings are decided by. What cannot be read is part of the observations, not an error.
	Observe(ctx context.Context) doctor.Observations
}

// Examine asks the API server and every agent, and returns what keeps Data Spacer from holding.
func Examine(ctx context.Context, cluster Cluster) ([]doctor.Finding, error) {
	agents, err := cluster.Agents(ctx)
	if err != nil {
		return nil, err
	}
	var o doctor.Observations
	if sees, is := cluster.(observer); is {
		o = sees.Observe(ctx)
	} else {
		o.Unreadable = []string{"cluster and peering cannot be read without a kubeconfig"}
		for _, a := range agents {
			o.Nodes = append(o.Nodes, doctor.Node{Name: a.Node, HasAgent: true, Running: a.Running, Offered: true})
		}
	}
	place := map[string]int{}
	for i, n := range o.Nodes {
		place[n.Name] = i
	}
	eachAgent(agents, func(_ int, a agentexec.Agent) {
		if i, there := place[a.Node]; there && a.Running {
			inspect(ctx, cluster, a, &o.Nodes[i])
		}
	})
	return doctor.Examine(o), nil
}

// inspect asks the agent of a node what it reports of itself.
func inspect(ctx context.Context, cluster Cluster, a agentexec.Agent, n *doctor.Node) {
	var status agentapi.NodeStatus
	var policy agentapi.PolicyStatus
	if err := askFor(ctx, cluster, a, agentapi.EndpointsPath, &status); err == nil {
		n.Status = &status
	} else {
		n.Trouble = err.Error()
	}
	if err := askFor(ctx, cluster, a, agentapi.PolicyPath, &policy); err == nil {
		n.Policy = &policy
	}
}

// PrintFindings writes findings, each with its cure.
func PrintFindings(w io.Writer, findings []doctor.Finding, style Style, now time.Time) error {
	if !style.ForPeople() {
		if findings == nil {
			findings = []doctor.Finding{}
		}
		return style.Encode(w, findings)
	}
	for _, f := range findings {
		kind, colour := "problem", red
		if f.Warning {
			kind, colour = "warning", yellow
		}
		fmt.Fprintf(w, "%s: %s: %s\n    cure: %s\n", style.paint(colour, kind), printable(f.Where), printable(f.What), printable(f.Cure))
	}
	if doctor.Healthy(findings) {
		_, err := fmt.Fprintln(w, style.paint(green, fmt.Sprintf("no problem, %d warnings (%s)", len(findings), now.UTC().Format(time.RFC3339))))
		return err
	}
	return nil
}
