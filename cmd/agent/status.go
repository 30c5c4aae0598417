package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"data-space.liqo.io/pkg/effects/localsock"
	"data-space.liqo.io/pkg/programs/agentcli"
	"data-space.liqo.io/pkg/programs/cli"
	"data-space.liqo.io/pkg/values/agentapi"
)

// statusCommand asks the agent of this node what it enforces.
func statusCommand() *cobra.Command {
	var o asking
	c := &cobra.Command{
		Use:   "status",
		Short: "show what the agent of this node enforces",
		RunE:  func(c *cobra.Command, _ []string) error { return status(c.Context(), o, c.OutOrStdout()) },
	}
	o.flags(c.Flags(), "table")
	return c
}

func status(ctx context.Context, o asking, stdout io.Writer) error {
	var all agentapi.Status
	endpoints, err := agentcli.NodeStatus(ctx, o.socket)
	if err == nil {
		all.NodeStatus = &endpoints
	} else if !errors.Is(err, localsock.ErrNotServed) {
		return err
	}
	var policy agentapi.PolicyStatus
	err = localsock.Ask(ctx, o.socket, http.MethodGet, agentapi.PolicyPath, &policy)
	if err == nil {
		all.NetworkPolicy = &policy
	} else if !errors.Is(err, localsock.ErrNotServed) {
		return err
	}
	if o.output == "json" {
		return printJSON(stdout, all)
	}
	if all.NodeStatus != nil {
		if err := agentcli.PrintNodeStatus(stdout, endpoints, time.Now()); err != nil {
			return err
		}
	}
	if all.NetworkPolicy != nil {
		return agentcli.PrintPolicyStatus(stdout, policy, time.Now())
	}
	return nil
}

// asking holds the flags of a command that asks the running agent.
type asking struct{ socket, output string }

// flags adds the flags; form is the form of the answer without one.
func (o *asking) flags(f *pflag.FlagSet, form string) {
	statusSocket(f, &o.socket)
	cli.Output(f, &o.output, form)
}

func statusSocket(f *pflag.FlagSet, socket *string) {
	f.StringVar(socket, "status-socket", defaultStatusSocket, "`path` of the agent's unix socket")
}

func printJSON(w io.Writer, what any) error {
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	return out.Encode(what)
}
