package kubectlplugin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"data-space.liqo.io/pkg/decisions/happening"
	"data-space.liqo.io/pkg/effects/agentexec"
	"data-space.liqo.io/pkg/values/agentapi"
	"data-space.liqo.io/pkg/values/fact"
)

// Watching chooses events.
type Watching struct {
	happening.Filter
	Last   int  // only so many of the newest; 0: all
	Follow bool // and those that happen from then on

	kinds []string // only facts of these kinds, and nothing of the records of requests
}

// lines calls each with every whole line that is written to it, until one fails.
type lines struct {
	rest []byte
	each func(line []byte) error
}

// longestLine bounds a line: an agent writes only shorter ones.
const longestLine = 1 << 20

var errTooLong = errors.New("the agent answers a line that is too long")

// Write implements io.Writer.
func (l *lines) Write(p []byte) (int, error) {
	l.rest = append(l.rest, p...)
	for {
		line, rest, whole := bytes.Cut(l.rest, []byte("\n"))
		if !whole {
			break
		}
		if len(line) > longestLine {
			return 0, errTooLong
		}
		if err := l.each(line); err != nil {
			return 0, err
		}
		l.rest = rest
	}
	if len(l.rest) > longestLine {
		return 0, errTooLong
	}
	return len(p), nil
}

// events calls take with the events that every node has, node by node in their order, and while following as they happen. take returns how many bytes it keeps of an event whose line has a size.
// The error names each node whose events are missing.
func events(ctx context.Context, cluster Cluster, q Watching, take func(e happening.Event, size int) (kept int)) error {
	agents, err := cluster.Agents(ctx)
	if err != nil {
		return err
	}
	if len(agents) == 0 {
		return errNoAgents
	}
	var one sync.Mutex
	facts := agentapi.FactsPath + "?" + agentapi.FactQuery{Since: q.Since, Follow: q.Follow, Kinds: q.kinds}.Values().Encode()
	requests := ""
	if q.kinds == nil {
		requests = agentapi.RequestsPath + "?" + agentapi.RequestQuery{Guest: q.Guest, Since: q.Since, JSON: true, Follow: q.Follow}.Values().Encode()
	}
	problems := make([]error, len(agents))
	var all sync.WaitGroup
	for i, a := range agents {
		if !a.Running {
			problems[i] = fmt.Errorf("the events of node %s are missing: its agent does not run", a.Node)
			continue
		}
		all.Go(func() {
			problems[i] = errors.Join(nodeEvents(ctx, cluster, a, facts, requests, &collected{mu: &one, take: take, left: mostKept})...)
		})
	}
	all.Wait()
	if ctx.Err() == nil {
		return errors.Join(problems...)
	}
	return nil // the watcher has ended
}

// nodeEvents reads both of a node's sources at the same time, since each may go on for ever; requests is empty if they are not asked for.
func nodeEvents(ctx context.Context, cluster Cluster, a agentexec.Agent, facts, requests string, c *collected) []error {
	problems := make([]error, 2)
	ask := func(path string, each func(line []byte) error) error {
		ctx, cancel := context.WithTimeout(ctx, longestAnswer)
		defer cancel()
		err := cluster.Ask(ctx, a, &lines{each: each}, path)
		if notServed(err) {
			return nil // the node keeps no such record
		}
		if err != nil {
			return fmt.Errorf("the events of node %s are missing or not whole: %w", a.Node, err)
		}
		return nil
	}
	var both sync.WaitGroup
	both.Go(func() {
		problems[0] = ask(facts, func(line []byte) error {
			f, err := fact.Decode(line)
			if err != nil {
				return nil //nolint:nilerr // verify reports a line that is not a fact
			}
			e, ok := happening.OfFact(a.Node, f)
			return c.add(len(line), e, ok)
		})
	})
	if requests == "" {
		both.Wait()
		return problems
	}
	both.Go(func() {
		problems[1] = ask(requests, func(line []byte) error {
			e, ok := happening.OfLine(a.Node, line)
			return c.add(len(line), e, ok)
		})
	})
	both.Wait()
	return problems
}

// Watch writes events as they happen, or those that are there by their time.
func Watch(ctx context.Context, cluster Cluster, stdout io.Writer, q Watching, style Style) error {
	var kept []happening.Event
	show := func(e happening.Event) bool {
		switch {
		case !q.Chooses(e):
		case q.Follow:
			printEvent(stdout, e, style)
		default:
			kept = append(kept, e)
			if q.Last > 0 && len(kept) > 4*q.Last {
				happening.Sort(kept)
				kept = append(kept[:0], kept[len(kept)-q.Last:]...)
			}
			return q.Last == 0
		}
		return false
	}
	err := events(ctx, cluster, q, sized(show))
	happening.Sort(kept)
	if q.Last > 0 && len(kept) > q.Last {
		kept = kept[len(kept)-q.Last:]
	}
	for _, e := range kept {
		printEvent(stdout, e, style)
	}
	return err
}

// FormCompact is a form of events: a line without columns.
const FormCompact = "compact"

// Widths of an event's columns. With the others they make 120.
const eventPodWidth, eventWhatWidth = 28, 53

func printEvent(w io.Writer, e happening.Event, style Style) {
	colour := map[string]string{happening.Forwarded: green, happening.Refused: red, happening.Repaired: yellow}[e.Verdict]
	if e.Warning && colour == "" {
		colour = yellow
	}
	at := e.Time.Local().Format("Jan _2 15:04:05")
	switch style.Form {
	case FormJSON:
		text, _ := json.Marshal(e) // texts and numbers are always encoded
		fmt.Fprintf(w, "%s\n", plain(text))
	case FormYAML:
		fmt.Fprint(w, "---\n")
		_ = style.Encode(w, e) // the reader has gone
	case FormCompact:
		fmt.Fprintf(w, "%s %s %s: %s %s\n", at, e.Node, printable(e.Of()), style.paint(colour, e.Type), printable(e.What))
	case FormWide:
		fmt.Fprintf(w, "%s  %s  %s  %s  %-10s  %s  %s\n", e.Time.Format(time.RFC3339Nano), e.Node, dash(printable(e.Guest)), printable(e.Of()), e.Type,
			style.paint(colour, fmt.Sprintf("%-9s", dash(e.Verdict))), printable(e.What))
	default:
		fmt.Fprintf(w, "%s  %s  %-10s  %s  %s\n", at, pad(fit(printable(e.Of()), eventPodWidth, false), eventPodWidth), e.Type,
			style.paint(colour, fmt.Sprintf("%-9s", dash(e.Verdict))), fit(printable(e.What), eventWhatWidth, false))
	}
}

func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-len([]rune(text))))
}
