package claims

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"data-space.liqo.io/pkg/effects/agentexec"
	"data-space.liqo.io/pkg/programs/facts"
	"data-space.liqo.io/pkg/values/agentapi"
	"data-space.liqo.io/pkg/values/fact"
)

// proven has a new pod of the guest ask for n patients, looks for each request in the log of its guest, and has each line proven. The proofs are checked
// here, as one who has nothing but them and the key that the log of the node names.
func (w *World) proven(n int) func(ctx context.Context) (string, error) {
	return func(ctx context.Context) (observed string, err error) {
		guests, err := w.guests(ctx)
		if err != nil {
			return "", err
		}
		pod, err := w.startPod(ctx, barePod(pharmaSpace, "asking", guests[0].Spec.Containers[0].Image))
		if err != nil {
			return "", err
		}
		defer func() {
			err = errors.Join(err, w.removePod(context.WithoutCancel(ctx), pod.Namespace, pod.Name))
		}()
		if _, err := w.works(ctx, pod); err != nil {
			return "", err
		}
		asked := fmt.Sprintf("/process/%d", n)
		if _, err := w.visit(ctx, "POST", "http://"+netip.AddrPortFrom(addresses(pod)[0], 8080).String()+asked); err != nil {
			return "", err
		}
		hospital, err := w.serviceAddresses(ctx, hospitalSpace, "hospital")
		if err != nil {
			return "", err
		}
		agent, err := w.asker(ctx, pod.Spec.NodeName)
		if err != nil {
			return "", err
		}
		lines, err := until(ctx, func(ctx context.Context) ([]fact.Recorded, error) {
			lines, err := w.requestFacts(ctx, agent, pod)
			return lines, errors.Join(err, once(lines, n, hospital, asked))
		})
		if err != nil {
			return "", err
		}
		size, err := until(ctx, func(ctx context.Context) (int64, error) { return w.proofs(ctx, agent, lines) })
		if err != nil {
			return "", err
		}
		lines, err = w.requestFacts(ctx, agent, pod) // none came twice meanwhile
		return fmt.Sprintf("%d of %d requests of the guest and the one that it was asked, each a line once; each proven by at most %d bytes in its log of %s, whose key the node's log names",
			n, n, size, pod.Spec.NodeName), errors.Join(err, once(lines, n, hospital, asked))
	}
}

// asker is the agent of a node, as "kubectl dataspace" asks it.
func (w *World) asker(ctx context.Context, node string) (agentexec.Agent, error) {
	agents, err := w.agents.Agents(ctx)
	if err != nil {
		return agentexec.Agent{}, err
	}
	at := slices.IndexFunc(agents, func(a agentexec.Agent) bool { return a.Node == node && a.Running })
	if at < 0 {
		return agentexec.Agent{}, fmt.Errorf("no agent runs on %s", node)
	}
	return agents[at], nil
}

// requestFacts reads what the log of the guest has of a pod, one fact for each request.
func (w *World) requestFacts(ctx context.Context, agent agentexec.Agent, pod corev1.Pod) ([]fact.Recorded, error) {
	return w.facts(ctx, agent, agentapi.FactQuery{Log: pharmaCluster, Guest: pharmaCluster, Namespace: pod.Namespace, Pod: pod.Name, Kinds: []string{string(fact.Requested), string(fact.FactsCounted)}},
		func(f fact.Fact) bool { return f.Subject.UID == string(pod.UID) })
}

// facts reads lines of a log.
func (w *World) facts(ctx context.Context, agent agentexec.Agent, q agentapi.FactQuery, chosen func(fact.Fact) bool) ([]fact.Recorded, error) {
	var text bytes.Buffer
	if err := w.agents.Ask(ctx, agent, &text, agentapi.FactsPath+"?"+q.Values().Encode()); err != nil {
		return nil, err
	}
	var all []fact.Recorded
	for line := range bytes.Lines(text.Bytes()) {
		f, err := fact.Decode(bytes.TrimSuffix(line, []byte("\n")))
		if err != nil {
			return nil, fmt.Errorf("a line of the log on %s: %w: %s", agent.Node, err, tail(string(line)))
		}
		if chosen(f.Fact) {
			all = append(all, f)
		}
	}
	return all, nil
}

// once returns an error unless the requests for the patients 1 to n, and the one that asked the pod to make them, are each one of the facts, with the answer
// that was given and the address that was asked.
func once(lines []fact.Recorded, n int, hospital []netip.Addr, asked string) error {
	want := map[string]int{"ingress POST " + asked + " 200": 1}
	for id := 1; id <= n; id++ {
		code := 200
		if id > hospitalPatients {
			code = 404
		}
		want[fmt.Sprintf("egress GET /patients/%d %d", id, code)] = 1
	}
	got := map[string]int{}
	var problems []error
	for _, f := range lines {
		if f.Kind != fact.Requested || f.Request == nil {
			problems = append(problems, fmt.Errorf("line %d is %s, %d of them", f.Index, f.Kind, f.Count))
			continue
		}
		q := f.Request
		if !strings.HasPrefix(q.Path, "/patients/") && q.Path != asked {
			continue // whether the pod works
		}
		got[fmt.Sprintf("%s %s %s %s", q.Direction, q.Method, q.Path, q.Status)]++
		to, _ := netip.ParseAddrPort(q.Destination) // an invalid address is not one of the hospital's
		if q.Direction == "egress" && (!slices.Contains(hospital, to.Addr()) || q.Proxy != "") {
			problems = append(problems, fmt.Errorf("line %d: the destination is %q, none of %v, or the proxy answered: %q", f.Index, q.Destination, hospital, q.Proxy))
		}
	}
	if !maps.Equal(got, want) {
		problems = append(problems, fmt.Errorf("the log of the guest has %v, and %v is expected", got, want))
	}
	return errors.Join(problems...)
}

// proofs has the agent prove each line, checks the proofs, and returns the size of the largest.
func (w *World) proofs(ctx context.Context, agent agentexec.Agent, lines []fact.Recorded) (largest int64, err error) {
	keys, err := w.facts(ctx, agent, agentapi.FactQuery{Kinds: []string{string(fact.RequestsSigned)}}, func(f fact.Fact) bool { return f.Details["folder"] == pharmaCluster })
	if err != nil || len(keys) == 0 {
		return 0, errors.Join(err, fmt.Errorf("the node's log on %s has no state of the log of %s", agent.Node, pharmaCluster))
	}
	key := keys[len(keys)-1].Details["key"]
	query := url.Values{"log": {pharmaCluster}}
	for _, f := range lines {
		query.Add("index", strconv.FormatInt(f.Index, 10))
	}
	var text bytes.Buffer
	if err := w.agents.Ask(ctx, agent, &text, agentapi.ProofsPath+"?"+query.Encode()); err != nil {
		return 0, err
	}
	answers, proved := json.NewDecoder(&text), 0
	for {
		var p agentapi.FactProof
		if err := answers.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return 0, fmt.Errorf("the proofs of %s: %w", agent.Node, err)
		}
		var shown bytes.Buffer
		if err := facts.Check(&shown, strings.NewReader(p.Proof), []string{key}, nil); err != nil {
			return 0, fmt.Errorf("line %d is not proven: %w; %s", p.Index, err, p.Problem)
		}
		if !slices.ContainsFunc(lines, func(f fact.Recorded) bool { return proves(shown.String(), f) }) {
			return 0, fmt.Errorf("the proof of line %d proves another one: %s", p.Index, tail(shown.String()))
		}
		proved++
		largest = max(largest, int64(len(p.Proof)))
	}
	if proved != len(lines) {
		return 0, fmt.Errorf("%d proofs of %d lines", proved, len(lines))
	}
	return largest, nil
}

// proves reports whether the line that a check printed is the one of the fact.
func proves(shown string, f fact.Recorded) bool {
	_, line, _ := strings.Cut(shown, "\n")
	got, err := fact.Decode([]byte(strings.TrimSuffix(line, "\n")))
	return err == nil && got.Index == f.Index && got.Request != nil && f.Request != nil && *got.Request == *f.Request
}
