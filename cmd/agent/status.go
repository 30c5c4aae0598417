package main

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"data-space.liqo.io/pkg/programs/agentcli"
	"data-space.liqo.io/pkg/programs/cli"
)

// Where the agent keeps what need not outlive the boot.
const (
	defaultStatusSocket = "/run/data-spacer/agent.sock"
	defaultState        = "/run/data-spacer/guarded"
)

// statusCommand asks the agent of this node what it enforces.
func statusCommand() *cobra.Command {
	var o asking
	c := &cobra.Command{
		Use:   "status",
		Short: "show what the agent of this node enforces",
		RunE: func(c *cobra.Command, _ []string) error {
			return agentcli.Status(c.Context(), o.socket, o.output, c.OutOrStdout())
		},
	}
	o.flags(c.Flags(), "table", "wide")
	return c
}

// rulesCommand asks the agent of this node what the kernel holds for one pod, and why.
func rulesCommand() *cobra.Command {
	var o asking
	var pod string
	c := &cobra.Command{
		Use:   "rules",
		Short: "show the rules that the kernel holds for a foreign pod of this node, each with its reason and its packets",
		RunE: func(c *cobra.Command, _ []string) error {
			return agentcli.Rules(c.Context(), o.socket, o.output == "json", pod, c.OutOrStdout())
		},
	}
	c.Flags().StringVar(&pod, "pod", "", "`namespace/name` of the pod")
	o.flags(c.Flags(), "text")
	return c
}

// askCommand is for "kubectl dataspace".
func askCommand() *cobra.Command {
	var o asking
	c := &cobra.Command{
		Use:   "ask PATH",
		Short: "print what the agent of this node answers at a path of its local socket",
		RunE: func(c *cobra.Command, args []string) error {
			return agentcli.Pass(c.Context(), o.socket, args[0], c.OutOrStdout())
		},
	}
	cli.OneArgument(c, "a path such as /v1/endpoints")
	statusSocket(c.Flags(), &o.socket)
	return c
}

// asking holds the flags of a command that asks the running agent.
type asking struct{ socket, output string }

// flags adds the flags; form is the form of the answer without one, others more.
func (o *asking) flags(f *pflag.FlagSet, form string, others ...string) {
	statusSocket(f, &o.socket)
	cli.Output(f, &o.output, form, others...)
}

func statusSocket(f *pflag.FlagSet, socket *string) {
	f.StringVar(socket, "status-socket", defaultStatusSocket, "`path` of the agent's unix socket")
}
