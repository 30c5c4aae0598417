package kubectlplugin

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"time"

	"data-space.liqo.io/pkg/decisions/happening"
	"data-space.liqo.io/pkg/decisions/report"
	"data-space.liqo.io/pkg/effects/agentexec"
	"data-space.liqo.io/pkg/values/agentapi"
)

// Report adds up what every node's log and record have of a time, and fetches the proofs of the lines that are shown. missing names what could
// not be read; the error is one of the API server.
func Report(ctx context.Context, cluster Cluster, from, to time.Time) (page report.Page, missing []string, err error) {
	c := report.New(from, to)
	q := Watching{Filter: happening.Filter{Types: append(happening.Types(), happening.Books)}} // also from before: how pods were held when the time began
	if err := events(ctx, cluster, q, c.Add); err != nil {
		missing = append(missing, err.Error())
	}
	page = c.Page()
	problems, err := prove(ctx, cluster, page.Proofs())
	return page, append(missing, problems...), err
}

// proofsAtOnce is how many proofs an agent is asked for at a time: their numbers are arguments of a command.
const proofsAtOnce = 200

// prove fills in the texts of proofs. The problems name the nodes whose proofs are missing.
func prove(ctx context.Context, cluster Cluster, proofs []*report.Proof) (problems []string, err error) {
	agents, err := cluster.Agents(ctx)
	if err != nil {
		return nil, err
	}
	wanted := map[string]map[int64][]*report.Proof{}
	for _, p := range proofs {
		if wanted[p.Node] == nil {
			wanted[p.Node] = map[int64][]*report.Proof{}
		}
		wanted[p.Node][p.Index] = append(wanted[p.Node][p.Index], p)
	}
	for _, a := range agents {
		if !a.Running || len(wanted[a.Node]) == 0 {
			continue
		}
		indices := slices.Sorted(maps.Keys(wanted[a.Node]))
		for some := range slices.Chunk(indices, proofsAtOnce) {
			if err := proveSome(ctx, cluster, a, some, wanted[a.Node]); err != nil {
				problems = append(problems, fmt.Sprintf("proofs of node %s: %v", a.Node, err))
				break
			}
		}
	}
	return problems, nil
}

func proveSome(ctx context.Context, cluster Cluster, a agentexec.Agent, indices []int64, wanted map[int64][]*report.Proof) error {
	q := url.Values{}
	for _, index := range indices {
		q.Add("index", strconv.FormatInt(index, 10))
	}
	text, err := fetch(ctx, cluster, a, agentapi.ProofsPath+"?"+q.Encode())
	if err != nil {
		return err
	}
	for line := range bytes.Lines(text) {
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
