package kubectlplugin

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"time"

	"data-space.liqo.io/pkg/decisions/audit"
	"data-space.liqo.io/pkg/decisions/translog"
	"data-space.liqo.io/pkg/effects/agentexec"
	"data-space.liqo.io/pkg/values/agentapi"
)

// Checkpoints is what the caller keeps of the nodes' logs from one verification to the next.
type Checkpoints interface {
	// Read returns what was kept of a node's log: its public keys, and its newest checkpoint; nothing for a log that is not known yet.
	Read(node string) (keys []string, checkpoint []byte, err error)
	// Keep replaces what is kept of a node's log.
	Keep(node string, keys []string, checkpoint []byte) error
}

// Verify has every agent read its kernel, its log of facts and its record of requests now, and compares what they find with the pods that
// the API server has, with the witnesses, and with what was kept of the logs; kept may be nil.
func Verify(ctx context.Context, cluster Cluster, kept Checkpoints) (audit.Verification, error) {
	began := time.Now()
	pods, agents, err := guarded(ctx, cluster)
	if err != nil {
		return audit.Verification{}, err
	}
	if len(agents) == 0 {
		return audit.Verification{}, errNoAgents
	}
	answers, checked := make([]audit.Answer, len(agents)), make([]audit.Checked, len(agents))
	eachAgent(agents, func(i int, a agentexec.Agent) {
		answers[i] = ask(ctx, cluster, a)
		checked[i] = audit.Checked{Node: a.Node}
		if a.Running {
			checked[i] = check(ctx, cluster, a, kept)
		}
	})
	v := audit.Verify(audit.Judge(pods, answers), checked, time.Now())
	v.Took = time.Since(began)
	return v, nil
}

// check asks an agent about all that it keeps beside its pods' rules.
func check(ctx context.Context, cluster Cluster, a agentexec.Agent, kept Checkpoints) audit.Checked {
	c := audit.Checked{Node: a.Node}
	var policy agentapi.PolicyStatus
	var record agentapi.RecordStatus
	var verified agentapi.RecordVerification
	answered := func(path string, into any) bool {
		err := askFor(ctx, cluster, a, path, into)
		if err != nil && !notServed(err) && !slices.Contains(c.Problems, err.Error()) {
			c.Problems = append(c.Problems, err.Error())
		}
		return err == nil
	}
	if answered(agentapi.VerifyNodePath, &policy) {
		c.Policy = &policy
	}
	if !answered(agentapi.RecordPath, &record) {
		return c
	}
	c.Record = &record
	if answered(agentapi.VerifiedPath, &verified) {
		c.Verified = &verified
	}
	if kept == nil {
		return c
	}
	var err error
	if c.Kept, err = compare(ctx, cluster, a, kept, record.Keys); err != nil {
		c.Problems = append(c.Problems, err.Error())
	}
	return c
}

// compare has the log of a node shown to continue what was kept of it, which this program verifies itself: it need not trust the node.
func compare(ctx context.Context, cluster Cluster, a agentexec.Agent, kept Checkpoints, keys []string) (string, error) {
	known, checkpoint, err := kept.Read(a.Node)
	if err != nil {
		return "", err
	}
	first := len(known) == 0
	if first {
		known = keys
	}
	from := translog.CheckpointLines(checkpoint)
	submission, err := fetch(ctx, cluster, a, agentapi.ContinuedPath+"?"+url.Values{"from": {strconv.FormatInt(from, 10)}}.Encode())
	if err != nil {
		return "", err
	}
	signed, lines, err := translog.Continued(submission, known, checkpoint)
	if err != nil {
		return "", err
	}
	for _, key := range keys { // after a rotation: a log signs with its key and the one before, so those that were kept vouch for the next
		if !slices.Contains(known, key) {
			known = append(known, key)
		}
	}
	if err := kept.Keep(a.Node, known, signed); err != nil {
		return "", err
	}
	if first {
		return fmt.Sprintf("seen for the first time: %d lines", lines), nil
	}
	return fmt.Sprintf("%d lines, which continue the %d that were kept", lines, from), nil
}

// PrintVerification writes a verification. Ages are relative to now.
func PrintVerification(w io.Writer, v audit.Verification, style Style, now time.Time) error {
	if !style.ForPeople() {
		return style.Encode(w, v)
	}
	if err := printTables(w, v.Report, style, now); err != nil {
		return err
	}
	fmt.Fprintln(w)
	t := style.grid("NODE", "NETWORKPOLICY", "LOG OF FACTS", "LINES", "REQUESTS", "WITNESSES", "KEPT")
	for _, r := range v.Records {
		intact := "none"
		switch {
		case r.Origin != "" && r.Intact:
			intact = "intact"
		case r.Origin != "":
			intact = "NOT intact"
		}
		t.row(tint(r.Origin == "" || r.Intact), fit(r.Node, nodeWidth, style.wide()), r.Policies, intact, strconv.FormatInt(r.Lines, 10),
			strconv.Itoa(r.Parts)+" parts", witnessed(r), fit(r.Kept, keptWidth, style.wide()))
	}
	if err := t.writeTo(w); err != nil {
		return err
	}
	if err := printProblems(w, v.Report, style); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "read again in %s\n", v.Took.Round(time.Millisecond))
	return err
}

// keptWidth makes the table of records fit 120 columns.
const keptWidth = 30

func witnessed(r audit.NodeRecord) string {
	if len(r.Witnesses) == 0 {
		return "-"
	}
	well := 0
	for _, w := range r.Witnesses {
		if w.Problem == "" && !w.Refused && !w.Asked.IsZero() {
			well++
		}
	}
	return fmt.Sprintf("%d of %d", well, len(r.Witnesses))
}
