package kubectlplugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"data-space.liqo.io/pkg/decisions/happening"
	"data-space.liqo.io/pkg/decisions/past"
	"data-space.liqo.io/pkg/values/fact"
	"data-space.liqo.io/pkg/values/netpolicy"
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

// explainAt writes how a pod was held at a time, from every node's log of facts: the pod may have ended, and may have run anywhere.
func explainAt(ctx context.Context, cluster Cluster, stdout io.Writer, namespace, name string, style Style, at time.Time) error {
	var all []happening.Event
	err := events(ctx, cluster, Watching{}, sized(func(e happening.Event) bool {
		agent := e.Kind == "AgentStarted" || e.Kind == "AgentStopped" || e.Kind == "FactsLost" || e.Kind == string(fact.ClockStepped)
		if e.Index >= 0 && (agent || e.Namespace == namespace && (e.Pod == name || e.Pod == "")) {
			all = append(all, e)
			return true
		}
		return false
	}))
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
	for _, line := range []string{h.Agent, h.Clock} {
		if line != "" {
			fmt.Fprintf(w, "  %s\n", printable(line))
		}
	}
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
}

// ExplainAll writes what is asked about a pod: its rules, a connection of it, or either at a time of the past, if the time is not zero.
func ExplainAll(ctx context.Context, cluster Cluster, stdout io.Writer, pod netpolicy.Key, style Style, c Connection, at time.Time) error {
	switch {
	case !at.IsZero() && c.Asked():
		return ExplainPast(ctx, cluster, stdout, pod, style, c, at)
	case !at.IsZero():
		return explainAt(ctx, cluster, stdout, pod.Namespace, pod.Name, style, at)
	case c.Asked():
		return Explain(ctx, cluster, stdout, pod.Namespace, pod.Name, style, c)
	}
	return Rules(ctx, cluster, stdout, pod.Namespace, pod.Name, style)
}

// countedWithin is after how long the logs have what was only counted.
const countedWithin = 2 * time.Minute

// errNotKnown means that the logs do not have all that decided on a connection, which was printed.
var errNotKnown = errors.New("the logs do not have all that decided")

// ExplainPast writes which rule of which NetworkPolicy decided on a connection of a pod at a time, from every node's log of facts. errors.Is ErrRefused
// if the connection was refused, errNotKnown if that is not known.
func ExplainPast(ctx context.Context, cluster Cluster, stdout io.Writer, pod netpolicy.Key, style Style, c Connection, at time.Time) error {
	other, port, err := c.other()
	if err != nil {
		return err
	}
	agents, err := cluster.Agents(ctx)
	if err != nil {
		return err
	}
	record := past.New(at)
	for _, a := range agents {
		record.Expect(a.Node)
	}
	err = events(ctx, cluster, Watching{kinds: past.Kinds()}, func(e happening.Event, _ int) int {
		if record.Add(e) {
			return keptOfOne
		}
		return 0
	})
	a := record.Judge(past.Question{Pod: pod, Other: other, Incoming: c.From != "", Protocol: netpolicy.Protocol(c.Protocol), Port: port})
	if err != nil {
		a.Known, a.Missing = false, append(a.Missing, err.Error())
	}
	if time.Since(at) < countedWithin {
		a.Lines = append(a.Lines, "what changed more often than is recorded one by one is in the logs two minutes later; ask again then")
	}
	if style.ForPeople() {
		printPast(stdout, a, style, at)
	} else if err := style.Encode(stdout, a); err != nil {
		return err
	}
	switch {
	case !a.Known:
		return errNotKnown
	case !a.Allowed:
		return ErrRefused
	}
	return nil
}

func printPast(w io.Writer, a past.Answer, style Style, at time.Time) {
	verdict, colour := "not known", yellow
	switch {
	case a.Known && a.Allowed:
		verdict, colour = "allowed", green
	case a.Known:
		verdict, colour = "refused", red
	}
	fmt.Fprintf(w, "%s at %s, by the nodes' logs\n", style.paint(colour, verdict), at.UTC().Format(time.RFC3339))
	for _, line := range a.Lines {
		fmt.Fprintln(w, printable(line))
	}
	for _, missing := range a.Missing {
		fmt.Fprintf(w, "missing: %s\n", printable(missing))
	}
}
