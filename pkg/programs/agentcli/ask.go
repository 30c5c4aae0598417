package agentcli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"data-space.liqo.io/pkg/effects/localsock"
	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/effects/nodefilter"
	"data-space.liqo.io/pkg/values/agentapi"
	"data-space.liqo.io/pkg/values/iptables"
)

// Status asks the agent at a socket what it enforces, and writes that as a table, a wide one, or as JSON.
func Status(ctx context.Context, socket, form string, w io.Writer) error {
	var all agentapi.Status
	endpoints, err := NodeStatus(ctx, socket)
	if err == nil {
		all.NodeStatus = &endpoints
	} else if !errors.Is(err, localsock.ErrNotServed) {
		return err
	}
	var policy agentapi.PolicyStatus
	err = localsock.Ask(ctx, socket, http.MethodGet, agentapi.PolicyPath, &policy)
	if err == nil {
		all.NetworkPolicy = &policy
	} else if !errors.Is(err, localsock.ErrNotServed) {
		return err
	}
	if form == "json" {
		return printJSON(w, all)
	}
	if all.NodeStatus != nil {
		if err := printNodeStatus(w, endpoints, form == "wide", time.Now()); err != nil {
			return err
		}
	}
	if all.NetworkPolicy != nil {
		return printPolicyStatus(w, policy, time.Now())
	}
	return nil
}

// Pass writes what the agent at a socket answers at a path, while it arrives.
func Pass(ctx context.Context, socket, path string, w io.Writer) error {
	return localsock.Stream(ctx, socket, path, w)
}

// Explain asks the agent at a socket about a connection, and writes the answer. allowed is the verdict.
func Explain(ctx context.Context, socket string, asJSON bool, q agentapi.Question, w io.Writer) (allowed bool, err error) {
	var e agentapi.Explanation
	err = localsock.Ask(ctx, socket, http.MethodGet, agentapi.ExplainPath+"?"+q.Values().Encode(), &e)
	if errors.Is(err, localsock.ErrNotServed) {
		return false, fmt.Errorf("the agent does not enforce NetworkPolicy: %w; give it --enable=networkpolicy", err)
	}
	if err != nil {
		return false, err
	}
	if asJSON {
		return e.Allowed, printJSON(w, e)
	}
	return e.Allowed, printExplanation(w, e)
}

// Cleanup takes everything that is ours out of the node's own filter. It asks a running agent to leave the filter alone first. lock is the
// file of the node's writers of legacy tables.
func Cleanup(ctx context.Context, socket, lock string, w io.Writer) error {
	var nothing struct{}
	err := localsock.Ask(ctx, socket, http.MethodPost, agentapi.RetirePath, &nothing)
	if err != nil && !errors.Is(err, localsock.ErrNobody) && !errors.Is(err, localsock.ErrNotServed) {
		return fmt.Errorf("ask the agent to leave the node's filter alone: %w", err)
	}
	here, err := netns.Own()
	if err != nil {
		return err
	}
	defer here.Close()
	removed, err := nodefilter.Clean(ctx, here, lock, iptables.V4, iptables.V6)
	fmt.Fprintf(w, "removed: %d chains, %d sets\n", removed.Chains, removed.Sets)
	return err
}

func printJSON(w io.Writer, what any) error {
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	return out.Encode(what)
}
