package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"data-space.liqo.io/pkg/decisions/netpol"
	"data-space.liqo.io/pkg/effects/policywatch"
	"data-space.liqo.io/pkg/programs/agentcli"
	"data-space.liqo.io/pkg/programs/agentserver"
	"data-space.liqo.io/pkg/programs/cli"
	"data-space.liqo.io/pkg/programs/nodepolicy"
	"data-space.liqo.io/pkg/values/agentapi"
)

const defaultLogGroup = 1303

func policyFlags(f *pflag.FlagSet, o *nodepolicy.Options) {
	cli.Choice(f, "policy-denial", "what becomes of a packet that no NetworkPolicy allows; reject: its sender gets an error", &o.Denial, "reject", "drop")
	cli.Choice(f, "policy-unknown", "when an address that no known pod holds is closed; foreign: while a pod of a foreign namespace starts on this node",
		&o.Unknown, "foreign", "never", "always")
	f.StringVar(&o.PodCIDRs, "pod-cidrs", "", "comma-separated `list` of where this node's pods get their addresses; empty: what the Node's spec.podCIDRs says")
	f.StringVar(&o.Marks, "policy-marks", fmt.Sprintf("%#x", netpol.DefaultMarks),
		"`mask` of the two packet mark bits that are used on packets of pods that a NetworkPolicy selects; bits that no other program of the node reads")
	f.UintVar(&o.LogGroup, "policy-log-group", defaultLogGroup, "NFLOG `group` that denials are logged to, at most 10 a second and reason; 0: none")
}

// newPolicies puts together what enforces NetworkPolicy.
func newPolicies(ctx context.Context, n node) (job, error) {
	watch, err := policywatch.New(n.api, n.log)
	if err != nil {
		return job{}, err
	}
	p, err := nodepolicy.OnNode(ctx, n.policy, n.backend, watch, nodepolicy.Config{Node: n.node, Verify: n.verify, Log: n.log}, nodepolicy.Parts{Registry: n.registry, Emit: n.facts.Emit})
	if err != nil {
		return job{}, err
	}
	return job{
		run: func(ctx context.Context) error {
			err := p.Run(ctx)
			if errors.Is(err, policywatch.ErrRefused) {
				err = fmt.Errorf("the API server at %s refuses %s: %w; give a kubeconfig whose user may get, list and watch pods, namespaces "+
					"and networkpolicies and get nodes (ClusterRole %s)", n.api.Host, n.source, err, component)
			}
			return err
		},
		address: p.Address,
		part: agentserver.Part{
			Path: agentapi.PolicyPath, Answers: p.Handler(),
			Ready: agentserver.Condition{Good: p.Ready, Otherwise: "NetworkPolicy is not in force yet"},
		},
	}, nil
}

// statusDenied is the exit status of "agent explain" for a connection that is not allowed.
const statusDenied = 3

// explainCommand asks the agent of this node for the verdict on a connection, and for the rule that decides.
func explainCommand() *cobra.Command {
	var o asking
	var from, to, protocol, port string
	c := &cobra.Command{
		Use:   "explain",
		Short: "explain why a connection is allowed or refused by NetworkPolicy",
		Long: "explain reports what NetworkPolicy makes of a connection on this node, and which rule decides.\n" +
			"It ends with status 0 where the connection is allowed, 3 where it is not, 1 where that is not known.",
		RunE: func(c *cobra.Command, _ []string) error {
			q, err := agentapi.ParseQuestion(url.Values{"from": {from}, "to": {to}, "protocol": {protocol}, "port": {port}})
			if err != nil {
				return cli.Usage(err)
			}
			allowed, err := agentcli.Explain(c.Context(), o.socket, o.output == "json", q, c.OutOrStdout())
			if err == nil && !allowed {
				err = cli.Exit(statusDenied)
			}
			return err
		},
	}
	f := c.Flags()
	f.StringVar(&from, "from", "", "`address` of the sender")
	f.StringVar(&to, "to", "", "`address` of the receiver: the backend's, where it is called by a Service")
	f.StringVar(&protocol, "protocol", "tcp", "tcp, udp, sctp or icmp")
	f.StringVar(&port, "port", "", "`number` of the receiver's port")
	o.flags(f, "text")
	return c
}

// cleanupCommand takes everything that is ours out of the node's own filter.
func cleanupCommand() *cobra.Command {
	var socket string
	c := &cobra.Command{
		Use:   "cleanup",
		Short: "remove the rules and sets of NetworkPolicy from this node",
		RunE: func(c *cobra.Command, _ []string) error {
			return agentcli.Cleanup(c.Context(), socket, nodepolicy.NodeLock, c.OutOrStdout())
		},
	}
	statusSocket(c.Flags(), &socket)
	return c
}
