package claims

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"

	"data-space.liqo.io/pkg/values/agentapi"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/fact"
)

// windowRecord looks for the user's requests in the audit events of both replicas, and for each event in the guest's log of facts, on the replica's node.
func (w *World) windowRecord(ctx context.Context, since metav1.Time) (string, error) {
	events, err := w.windowEvents(ctx, since)
	if err != nil {
		return "", err
	}
	found := map[string]int{}
	for _, e := range events {
		if e.ObjectRef != nil {
			found[fmt.Sprint(e.Verb, " ", strings.TrimSuffix(e.ObjectRef.Resource+"/"+e.ObjectRef.Subresource, "/"), " ", e.ResponseStatus.Code)]++
		}
	}
	var problems []error
	for _, want := range []string{
		"list namespaces 200", "watch namespaces 200", "get namespaces 404", "list nodes 200", "list storageclasses 200", "get storageclasses 404", "list pods 403", "get pods/exec 101", "create pods/exec 101",
		"get pods/log 200", "get pods/portforward 101",
	} {
		if found[want] == 0 {
			problems = append(problems, fmt.Errorf("no audit event of %q: %v", want, found))
		}
	}
	if err := errors.Join(problems...); err != nil {
		return "", err
	}
	return w.windowFacts(ctx, events, since)
}

// windowEvents returns the audit events of the user.
func (w *World) windowEvents(ctx context.Context, since metav1.Time) ([]auditv1.Event, error) {
	text, err := w.run(ctx, "logs", "-n", apis.SystemNamespace, "-l", "app.kubernetes.io/name="+windowName, "--tail=-1", "--since-time="+since.UTC().Format(time.RFC3339))
	if err != nil {
		return nil, err
	}
	var events []auditv1.Event
	for line := range strings.Lines(text) {
		var e auditv1.Event
		if strings.Contains(line, "audit.k8s.io") && json.Unmarshal([]byte(line), &e) == nil && e.User.Username == windowUser {
			events = append(events, e)
		}
	}
	return events, nil
}

// windowFacts fails unless each event is a fact, of the same request and the same user, in the guest's log on a node.
func (w *World) windowFacts(ctx context.Context, events []auditv1.Event, since metav1.Time) (string, error) {
	agents, err := w.pods(ctx, apis.SystemNamespace, "app.kubernetes.io/name="+agentName)
	if err != nil {
		return "", err
	}
	query := agentapi.FactQuery{Log: pharmaCluster, Kinds: []string{string(fact.APIRequested)}, Since: since.Time}
	kept := map[string]bool{}
	var unread []error // an agent without a log of the guest is an error only if a fact is missing
	for _, agent := range agents {
		text, err := w.run(ctx, "exec", "-n", apis.SystemNamespace, agent.Name, "--", "agent", "ask", agentapi.FactsPath+"?"+query.Values().Encode())
		if err != nil {
			unread = append(unread, fmt.Errorf("the agent of %s: %w", agent.Spec.NodeName, err))
			continue
		}
		for line := range strings.Lines(text) {
			f, err := fact.Decode([]byte(strings.TrimSpace(line)))
			if err != nil {
				return "", fmt.Errorf("a line of %s's log on %s: %w: %s", pharmaCluster, agent.Spec.NodeName, err, tail(line))
			}
			if f.Subject.Guest == pharmaCluster && f.Details["user"] == windowUser {
				kept[f.Details["id"]] = true
			}
		}
	}
	missing := map[string]string{}
	for _, e := range events {
		if !kept[string(e.AuditID)] {
			missing[string(e.AuditID)] = e.Verb + " " + e.RequestURI
		}
	}
	if len(missing) > 0 {
		return "", errors.Join(append(unread, fmt.Errorf("%d requests are audit events and no facts in the log of %s, which has %d of the user on %d nodes: %s",
			len(missing), pharmaCluster, len(kept), len(agents), tail(fmt.Sprint(missing))))...)
	}
	return fmt.Sprintf("%d audit events in its name, of %d requests, each a fact in the log of its guest", len(events), len(kept)), nil
}
