package kubectlplugin

import (
	"bytes"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/factrate"
	"data-space.liqo.io/pkg/values/agentapi"
	"data-space.liqo.io/pkg/values/fact"
	"data-space.liqo.io/pkg/values/netpolicy"
)

func TestExplainAtShowsHowAPodWasHeldAndNamesTheLines(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, explainAt(t.Context(), watched(t), &out, "pharma-space", "study", Style{Form: FormTable}, at.Add(3*time.Minute)))
	require.Contains(t, out.String(), "Enforced since 2026-01-02T03:00:00Z (line 0 of the node's log)")
	require.Contains(t, out.String(), "in the day before: 2026-01-02T03:02:00Z DriftRepaired")
	require.NotContains(t, out.String(), "\x1b")
	require.ErrorContains(t, explainAt(t.Context(), watched(t), &out, "pharma-space", "study", Style{Form: FormTable}, at.Add(-time.Hour)), "no node's log has")
}

func TestAMomentIsATimeOrHowLongAgo(t *testing.T) {
	for text, want := range map[string]time.Time{"90m": at.Add(-90 * time.Minute), "2026-01-02T03:00:00Z": at} {
		got, err := ParseMoment(text, at)
		require.NoError(t, err)
		require.True(t, want.Equal(got), text)
	}
	_, err := ParseMoment("yesterday", at)
	require.ErrorContains(t, err, `--at="yesterday"`)
}

// recorded is a cluster whose logs have a policy, two pods and an agent that was asked too early.
func recorded(t *testing.T) nodes {
	t.Helper()
	pod := func(name, ip string, minute int) fact.Fact {
		return fact.Fact{Time: at.Add(time.Duration(minute) * time.Minute), Kind: fact.PodSeen, Reason: "Found", Subject: fact.Subject{Namespace: "pharma-space", Pod: name},
			Details: map[string]string{"ips": ip, "labels": "app=" + name, "spaceLabels": "kubernetes.io/metadata.name=pharma-space"}}
	}
	policy := func(minute int, rules string) fact.Fact {
		return fact.Fact{Time: at.Add(time.Duration(minute) * time.Minute), Kind: fact.PolicyChanged, Reason: "Applied", Subject: fact.Subject{Namespace: "pharma-space"},
			Details: map[string]string{"name": "pharma-space/guard", "rules": "selects pods all | egress: " + rules}}
	}
	return nodes{
		"a": map[string]any{agentapi.FactsPath: factLines(t, fact.Fact{Time: at, Kind: fact.AgentStarted}, pod("study", "10.0.0.1", 1), policy(1, "to pods app=db, ports tcp/80"),
			fact.Fact{Time: at.Add(2 * time.Minute), Kind: fact.PolicyInForce}, policy(10, "nothing"))},
		"b": map[string]any{agentapi.FactsPath: factLines(t, fact.Fact{Time: at, Kind: fact.AgentStarted}, pod("db", "10.0.0.2", 1), fact.Fact{Time: at.Add(2 * time.Minute), Kind: fact.PolicyInForce})},
	}
}

func TestAVerdictOfThePastNamesThePolicyTheRuleAndTheLines(t *testing.T) {
	study := netpolicy.Key{Namespace: "pharma-space", Name: "study"}
	ask := func(to string, minute int) (string, error) {
		var out bytes.Buffer
		err := ExplainPast(t.Context(), recorded(t), &out, study, Style{Form: FormTable}, Connection{To: to, Protocol: "tcp"}, at.Add(time.Duration(minute)*time.Minute))
		return out.String(), err
	}
	text, err := ask("10.0.0.2:80", 5)
	require.NoError(t, err)
	require.Contains(t, text, "allowed at 2026-01-02T03:05:00Z")
	require.Contains(t, text, "egress of pharma-space/study on node a (line 1): allowed by")
	require.Contains(t, text, "NetworkPolicy pharma-space/guard (line 2)")
	require.Contains(t, text, "ingress of pharma-space/db on node b (line 1): allowed, no policy judged it")
	for to, minute := range map[string]int{"10.0.0.2:81": 5, "10.0.0.9:80": 5, "10.0.0.2:80": 11} {
		text, err := ask(to, minute)
		require.ErrorIs(t, err, ErrRefused, to)
		require.Contains(t, text, "refused, none of its policies allowed it: pharma-space/guard (line")
	}
	text, err = ask("10.0.0.2:80", 1)
	require.ErrorIs(t, err, errNotKnown)
	require.Contains(t, text, "missing: node a: its agent had not read all policies yet")
	_, err = ask("10.0.0.2:80", -1)
	require.ErrorIs(t, err, errNotKnown)
	gone := recorded(t)
	gone["b"] = map[string]any{}
	var out bytes.Buffer
	require.ErrorIs(t, ExplainPast(t.Context(), gone, &out, study, Style{Form: FormJSON}, Connection{To: "10.0.0.2:80", Protocol: "tcp"}, at.Add(5*time.Minute)), errNotKnown, "it may be a pod of the node whose log has nothing")
}

// A guest's user changes the labels of a pod so often that the log only counts it, and has the pod call meanwhile. The count comes up to a minute later.
func TestAVerdictIsNotKnownWhereWhatDecidedWasOnlyCounted(t *testing.T) {
	limiter := factrate.New(factrate.DefaultLimits())
	var log []fact.Fact
	record := func(f fact.Fact) {
		if limiter.Record(f.Time, f) {
			log = append(log, f)
		}
	}
	study := fact.Subject{Namespace: "pharma-space", Pod: "study"}
	pod := func(second int, of fact.Subject, ip, app, reason string) {
		record(fact.Fact{Time: at.Add(time.Duration(second) * time.Second), Kind: fact.PodSeen, Reason: reason, Subject: of, Details: map[string]string{"ips": ip, "labels": "app=" + app}})
	}
	record(fact.Fact{Time: at, Kind: fact.AgentStarted})
	pod(0, study, "10.0.0.1", "study", "Found")
	pod(0, fact.Subject{Namespace: "hospital", Pod: "db"}, "10.0.0.2", "db", "Found")
	record(fact.Fact{Time: at, Kind: fact.PolicyChanged, Reason: "Found", Subject: fact.Subject{Namespace: "pharma-space"},
		Details: map[string]string{"name": "pharma-space/guard", "rules": "selects pods app=study | egress: nothing"}})
	record(fact.Fact{Time: at, Kind: fact.PolicyInForce})
	for i := range 31 {
		pod(10, study, "10.0.0.1", []string{"other", "study"}[i%2], "Changed") // the last one, which no policy selects, is only counted
	}
	require.Equal(t, "app=study", log[len(log)-1].Details["labels"], "what the log has, one by one")
	log = append(log, limiter.Counted(at.Add(time.Minute))...)
	ask := func(facts []fact.Fact, second int) error {
		cluster := nodes{"a": map[string]any{agentapi.FactsPath: factLines(t, facts...)}}
		return ExplainPast(t.Context(), cluster, io.Discard, netpolicy.Key{Namespace: "pharma-space", Name: "study"}, Style{Form: FormTable}, Connection{To: "10.0.0.2:80", Protocol: "tcp"},
			at.Add(time.Duration(second)*time.Second))
	}
	require.ErrorIs(t, ask(log, 5), ErrRefused, "before")
	require.ErrorIs(t, ask(log, 30), errNotKnown)
	require.ErrorIs(t, ask(log, 90), errNotKnown)
	require.ErrorIs(t, ask(log[:len(log)-1], 30), ErrRefused, "without the count the log misleads")
	old := log[len(log)-1]
	old.Details = nil // of an agent before
	require.ErrorIs(t, ask(append(log[:len(log)-1:len(log)-1], old), 30), errNotKnown)
}
