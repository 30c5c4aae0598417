package kubectlplugin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"data-space.liqo.io/pkg/decisions/happening"
	"data-space.liqo.io/pkg/decisions/report"
	"data-space.liqo.io/pkg/effects/agentexec"
	"data-space.liqo.io/pkg/values/agentapi"
	"data-space.liqo.io/pkg/values/fact"
)

// Report adds up what every node's log and record have of a time, and fetches the proofs of the lines that are shown. missing names what could
// not be read; the error is one of the API server.
func Report(ctx context.Context, cluster Cluster, from, to time.Time) (page report.Page, missing []string, err error) {
	c := report.New(from, to)
	q := Watching{Filter: happening.Filter{Types: append(happening.Types(), happening.Books)}} // also from before: how pods were held when the time began
	if err := events(ctx, cluster, q, sized(c.Add)); err != nil {
		missing = append(missing, err.Error())
	}
	agents, err := cluster.Agents(ctx)
	if err != nil {
		return c.Page(), missing, err
	}
	problems := make([]error, len(agents))
	logs := make([][]report.Log, len(agents))
	var one sync.Mutex // of the collector
	eachAgent(agents, func(i int, a agentexec.Agent) {
		if a.Running {
			logs[i], problems[i] = guestFacts(ctx, cluster, a, from, &collected{mu: &one, take: sized(c.AddFact), left: mostKept})
		}
	})
	if err := errors.Join(problems...); err != nil {
		missing = append(missing, err.Error())
	}
	page = c.Page()
	page.Logs = slices.Concat(logs...)
	return page, append(missing, prove(ctx, cluster, agents, page.Proofs())...), nil
}

// mostGuestLogs is how many logs of guests are read on a node.
const mostGuestLogs = 1000

// guestFacts collects the facts of the logs of guests' requests on a node, and returns the logs of the node.
func guestFacts(ctx context.Context, cluster Cluster, a agentexec.Agent, from time.Time, c *collected) ([]report.Log, error) {
	var status agentapi.RecordStatus
	if err := askFor(ctx, cluster, a, agentapi.RecordPath, &status); err != nil {
		if notServed(err) {
			return nil, nil // the node keeps no log
		}
		return nil, fmt.Errorf("the logs of node %s are missing: %w", a.Node, err)
	}
	all := []report.Log{{Node: a.Node, Origin: status.Origin, Keys: status.Keys}}
	var problems []error
	ctx, cancel := context.WithTimeout(ctx, longestAnswer)
	defer cancel()
	if n := len(status.Guests); n > mostGuestLogs {
		problems = append(problems, fmt.Errorf("node %s has logs of %d guests; %d are read", a.Node, n, mostGuestLogs))
		status.Guests = status.Guests[:mostGuestLogs]
	}
	for _, g := range status.Guests {
		all = append(all, report.Log{Node: a.Node, Guest: g.Guest, Origin: g.Origin, Keys: g.Keys})
		q := agentapi.FactQuery{Log: g.Guest, Since: from}
		err := cluster.Ask(ctx, a, &lines{each: func(line []byte) error {
			f, err := fact.Decode(line)
			if err != nil {
				return nil //nolint:nilerr // verify reports a line that is not a fact
			}
			e, ok := happening.OfGuestFact(a.Node, g.Guest, f)
			return c.add(len(line), e, ok)
		}}, agentapi.FactsPath+"?"+q.Values().Encode())
		if err != nil {
			problems = append(problems, fmt.Errorf("the log of guest %s on node %s is missing or not whole: %w", g.Guest, a.Node, err))
		}
	}
	return all, errors.Join(problems...)
}

// proofsAtOnce is how many proofs an agent is asked for at a time: their numbers are arguments of a command.
const proofsAtOnce = 200

// mostProof bounds a proof, which has a line, hashes and a checkpoint with its signatures.
const mostProof = 128 << 10

// logName names a log of a node.
type logName struct{ node, log string }

// prove fills in the texts of proofs. The problems name the nodes whose proofs are missing.
func prove(ctx context.Context, cluster Cluster, agents []agentexec.Agent, proofs []*report.Proof) (problems []string) {
	wanted := map[logName]map[int64][]*report.Proof{}
	for _, p := range proofs {
		name := logName{p.Node, p.Log}
		if wanted[name] == nil {
			wanted[name] = map[int64][]*report.Proof{}
		}
		wanted[name][p.Index] = append(wanted[name][p.Index], p)
	}
	for _, a := range agents {
		for _, name := range slices.SortedFunc(maps.Keys(wanted), func(a, b logName) int { return strings.Compare(a.log, b.log) }) {
			if name.node != a.Node || !a.Running {
				continue
			}
			for some := range slices.Chunk(slices.Sorted(maps.Keys(wanted[name])), proofsAtOnce) {
				if err := proveSome(ctx, cluster, a, name.log, some, wanted[name]); err != nil {
					problems = append(problems, fmt.Sprintf("proofs of node %s: %v", a.Node, err))
					break
				}
			}
		}
	}
	return problems
}

func proveSome(ctx context.Context, cluster Cluster, a agentexec.Agent, log string, indices []int64, wanted map[int64][]*report.Proof) error {
	q := url.Values{}
	if log != "" {
		q.Set("log", log)
	}
	for _, index := range indices {
		q.Add("index", strconv.FormatInt(index, 10))
	}
	text, err := fetch(ctx, cluster, a, agentapi.ProofsPath+"?"+q.Encode())
	if err != nil {
		return err
	}
	for line := range bytes.Lines(text) {
		if len(line) > mostProof {
			return errTooLong
		}
		var p agentapi.FactProof
		if err := json.Unmarshal(line, &p); err != nil {
			return fmt.Errorf("the agent's answer: %w", err)
		}
		for _, to := range wanted[p.Index] {
			to.Text = p.Proof
		}
	}
	return nil
}
