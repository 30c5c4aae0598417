package agentcli

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"text/tabwriter"
	"time"

	"data-space.liqo.io/pkg/effects/localsock"
	"data-space.liqo.io/pkg/values/agentapi"
)

// NodeStatus gets the status from the agent that listens at the socket. errors.Is localsock.ErrNotServed if that agent does not
// enforce foreign pods.
func NodeStatus(ctx context.Context, socket string) (agentapi.NodeStatus, error) {
	var s agentapi.NodeStatus
	if err := localsock.Ask(ctx, socket, http.MethodGet, agentapi.EndpointsPath, &s); err != nil {
		return s, fmt.Errorf("no status (--status-socket names another place; it takes root): %w", err)
	}
	return s, nil
}

// Widths of the columns whose texts people choose: with the others they make 120.
const podWidth, stateWidth = 42, 24

// fit shortens a text in its middle, where names differ least.
func fit(text string, width int, wide bool) string {
	runes := []rune(text)
	if wide || len(runes) <= width {
		return text
	}
	head := (width - 1) / 2
	return string(runes[:head]) + "…" + string(runes[len(runes)-(width-1-head):])
}

// shownDrifts bounds how many differences of one pod the table shows: a whole ruleset may differ.
const shownDrifts = 20

// printEndpoints writes a row for each pod.
func printEndpoints(w io.Writer, s agentapi.NodeStatus, wide bool, now time.Time) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprint(t, "POD\tSTATE\tRULES\tDRIFT\tREPAIRED\tVERIFIED\tPROXY")
	if wide {
		fmt.Fprint(t, "\tNETNS\tBACKEND\tRULES IN THE KERNEL\tHASH\tCGROUP")
	}
	fmt.Fprintln(t)
	for _, e := range s.Endpoints {
		container, cgroup := "-", "-"
		if e.Proxy != nil {
			container, cgroup = short(e.Proxy.Container), e.Proxy.Cgroup
		}
		fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%d\t%s\t%s", fit(e.Namespace+"/"+e.Name, podWidth, wide), fit(state(e), stateWidth, wide), e.Rules.Total(),
			len(e.Drift), e.DriftRepaired, age(e.LastVerified, now), container)
		if wide {
			fmt.Fprintf(t, "\t%s\t%s\t%s\t%s\t%s", inode(e.Netns), dash(e.Backend), dash(e.Rules.String()), dash(short(e.Hash)), cgroup)
		}
		fmt.Fprintln(t)
	}
	return t.Flush()
}

// printNodeStatus writes the status as a table for people. Ages are relative to now.
func printNodeStatus(w io.Writer, s agentapi.NodeStatus, wide bool, now time.Time) error {
	ready := "ready"
	if !s.Ready {
		ready = "not ready"
	}
	fmt.Fprintf(w, "node %s (%s): iptables-%s (%s), %s at %s\n", s.Node, ready, s.Backend, s.BackendSign, s.Runtime, s.Socket)
	for _, p := range s.Problems {
		fmt.Fprintf(w, "problem: %s\n", p)
	}
	if err := printEndpoints(w, s, wide, now); err != nil {
		return err
	}
	for _, e := range s.Endpoints {
		if e.Message != "" {
			fmt.Fprintf(w, "%s/%s: %s\n", e.Namespace, e.Name, e.Message)
		}
		if f := e.Frames; f != nil && len(f.Open) > 0 {
			fmt.Fprintf(w, "%s/%s: no frame filter on link %s: %s\n", e.Namespace, e.Name, strings.Join(f.Open, ", "), strings.Join(f.Missing, "; "))
		}
		if f := e.Frames; f != nil && f.Dropped > 0 {
			fmt.Fprintf(w, "%s/%s: %d frames dropped that are neither IPv4, IPv6 nor ARP\n", e.Namespace, e.Name, f.Dropped)
		}
		for _, f := range e.Drift[:min(len(e.Drift), shownDrifts)] {
			fmt.Fprintf(w, "%s/%s: drift: %s\n", e.Namespace, e.Name, f)
		}
		if more := len(e.Drift) - shownDrifts; more > 0 {
			fmt.Fprintf(w, "%s/%s: %d more differences; \"agent status -o json\" lists them\n", e.Namespace, e.Name, more)
		}
	}
	return nil
}

func state(e agentapi.EndpointStatus) string {
	if e.Reason == "" {
		return string(e.State)
	}
	return string(e.State) + " (" + e.Reason + ")"
}

func inode(n uint64) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprint(n)
}

func age(t *time.Time, now time.Time) string {
	if t == nil {
		return "never"
	}
	return now.Sub(*t).Round(time.Second).String() + " ago"
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// short is how people name ids and hashes.
func short(id string) string {
	const enough = 12
	id = strings.TrimPrefix(id, "sha256:")
	return id[:min(enough, len(id))]
}
