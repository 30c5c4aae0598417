package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"time"

	"data-space.liqo.io/pkg/effects/localsock"
	"data-space.liqo.io/pkg/programs/agentcli"
	"data-space.liqo.io/pkg/values/agentapi"
)

// status asks the agent of this node.
func status(ctx context.Context, args []string, _ func(string) string, stdout, stderr io.Writer) error {
	f := flag.NewFlagSet("agent status", flag.ContinueOnError)
	socket, output := askFlags(f, "table")
	if err := parseAsk(f, args, stderr, output, "table"); err != nil {
		return err
	}
	var all agentapi.Status
	endpoints, err := agentcli.NodeStatus(ctx, *socket)
	if err == nil {
		all.NodeStatus = &endpoints
	} else if !errors.Is(err, localsock.ErrNotServed) {
		return err
	}
	var policy agentapi.PolicyStatus
	err = localsock.Ask(ctx, *socket, http.MethodGet, agentapi.PolicyPath, &policy)
	if err == nil {
		all.NetworkPolicy = &policy
	} else if !errors.Is(err, localsock.ErrNotServed) {
		return err
	}
	if *output == "json" {
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

// askFlags adds the flags of a command that asks the running agent.
func askFlags(f *flag.FlagSet, text string) (socket, output *string) {
	socket = f.String("status-socket", defaultStatusSocket, "`path` of the agent's unix socket")
	return socket, f.String("o", text, text+" or json")
}

func parseAsk(f *flag.FlagSet, args []string, stderr io.Writer, output *string, text string) error {
	if err := parseOnly(f, args, stderr); err != nil {
		return err
	}
	if *output != text && *output != "json" {
		return usageError{fmt.Errorf("-o %q: unknown; give %s or json", *output, text)}
	}
	return nil
}

// parseOnly parses the flags of a command that takes nothing else.
func parseOnly(f *flag.FlagSet, args []string, stderr io.Writer) error {
	f.SetOutput(stderr)
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return usageError{err}
	}
	if f.NArg() > 0 {
		return usageError{fmt.Errorf("%q: unknown argument; %s takes flags only (--help)", f.Args(), f.Name())}
	}
	return nil
}

func printJSON(w io.Writer, what any) error {
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	return out.Encode(what)
}
