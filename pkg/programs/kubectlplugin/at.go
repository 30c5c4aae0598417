package kubectlplugin

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"data-space.liqo.io/pkg/decisions/happening"
)

// ParseMoment reads a time of the past: a time of RFC 3339, or how long ago it is.
func ParseMoment(text string, now time.Time) (time.Time, error) {
	if ago, err := time.ParseDuration(strings.TrimPrefix(text, "-")); err == nil {
		return now.Add(-ago), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, fmt.Errorf("--at=%q: not a time; give one such as 2026-01-02T15:04:05Z, or how long ago it is, such as 90m", text)
	}
	return at, nil
}

// ExplainAt writes how a pod was held at a time, from every node's log of facts: the pod may have ended, and may have run anywhere.
func ExplainAt(ctx context.Context, cluster Cluster, stdout io.Writer, namespace, name string, style Style, at time.Time) error {
	var all []happening.Event
	err := events(ctx, cluster, Watching{}, func(e happening.Event) {
		agent := e.Kind == "AgentStarted" || e.Kind == "AgentStopped"
		if e.Index >= 0 && (agent || e.Namespace == namespace && (e.Pod == name || e.Pod == "")) {
			all = append(all, e)
		}
	})
	held := happening.At(all, namespace, name, at)
	switch {
	case len(held) == 0 && err == nil:
		return fmt.Errorf("no node's log has that pod %s/%s ran at %s: it may not have started yet, have ended, or its lines were removed", namespace, name, at.UTC().Format(time.RFC3339))
	case !style.ForPeople():
		if printErr := style.Encode(stdout, held); printErr != nil {
			return printErr
		}
		return err
	}
	for _, h := range held {
		printHeld(stdout, h, style)
	}
	return err
}

func printHeld(w io.Writer, h happening.Held, style Style) {
	state := h.State.Details["to"]
	colour := red
	if happening.Contained(state) {
		colour = green
	}
	fmt.Fprintf(w, "pod %s of guest %s on node %s at %s: %s since %s (line %d of the node's log)\n", printable(h.Pod), printable(h.Guest), h.Node, h.At.UTC().Format(time.RFC3339),
		style.paint(colour, printable(state)), h.State.Time.UTC().Format(time.RFC3339), h.State.Index)
	for _, detail := range []string{"backend", "rules", "netns", "cgroup", "cgroupInode"} {
		if value := h.State.Details[detail]; value != "" {
			fmt.Fprintf(w, "  %s: %s\n", detail, printable(value))
		}
	}
	fmt.Fprintf(w, "  %s\n", printable(h.Agent))
	if h.After != nil {
		fmt.Fprintf(w, "  until %s: %s (line %d)\n", h.After.Time.UTC().Format(time.RFC3339), printable(h.After.What), h.After.Index)
	}
	for _, e := range h.Before {
		fmt.Fprintf(w, "  in the day before: %s %s (line %d)\n", e.Time.UTC().Format(time.RFC3339), printable(e.What), e.Index)
	}
	for _, e := range h.Policies {
		fmt.Fprintf(w, "  %s, since %s (line %d)\n", printable(e.What), e.Time.UTC().Format(time.RFC3339), e.Index)
		for line := range strings.SplitSeq(e.Rules(), " | ") {
			if line != "" && !strings.Contains(e.What, "Deleted") {
				fmt.Fprintf(w, "      %s\n", printable(line))
			}
		}
	}
	fmt.Fprintln(w, "Addresses and labels of other pods are not in the log: which rule decided on one connection then is not known by it.")
}
