package claims

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"data-space.liqo.io/pkg/decisions/ruleview"
	"data-space.liqo.io/pkg/programs/kubectlplugin"
	"data-space.liqo.io/pkg/values/agentapi"
	"data-space.liqo.io/pkg/values/netpolicy"
)

// audited has "kubectl dataspace" ask all nodes about the guest's pods, once nothing starts any more.
func (w *World) audited(ctx context.Context) (string, error) {
	guests, err := w.guests(ctx)
	if err != nil {
		return "", err
	}
	var table bytes.Buffer
	_, err = until(ctx, func(ctx context.Context) (any, error) {
		report, err := kubectlplugin.Audit(ctx, w.agents)
		if err != nil {
			return nil, err
		}
		table.Reset()
		if err := kubectlplugin.Print(&table, report, kubectlplugin.Style{Form: kubectlplugin.FormTable}, time.Now()); err != nil {
			return nil, err
		}
		if !report.Healthy || len(report.Pods) < len(guests) || len(report.Nodes) < 2 {
			return nil, fmt.Errorf("%d of %d pods: %s", len(report.Pods), len(guests), table.String())
		}
		return nil, nil
	})
	if err != nil {
		return "", err
	}
	lines := strings.Split(strings.TrimSpace(table.String()), "\n")
	observed := lines[len(lines)-1]
	rules, err := w.explainedRules(ctx, guests[0])
	if err != nil {
		return "", err
	}
	refused, err := w.explainedRefusal(ctx, guests[0])
	if err != nil {
		return "", err
	}
	requests, err := w.requestsOf(ctx, guests)
	if err != nil {
		return "", err
	}
	verified, err := w.verified(ctx)
	return fmt.Sprintf("%s; explain: %d rules, each with its reason; %s; requests: %d lines of both nodes; verify: %s", observed, rules, refused, requests, verified), err
}

// verified has every node read all that it keeps again, twice: the second time its log must continue what was kept the first time.
func (w *World) verified(ctx context.Context) (string, error) {
	folder, err := os.MkdirTemp("", "checkpoints")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(folder)
	for range 2 {
		if _, err := until(ctx, func(ctx context.Context) (any, error) { return nil, w.verifiedOnce(ctx, kubectlplugin.Folder(folder)) }); err != nil {
			return "", err
		}
	}
	return "kernels and logs of both nodes as planned and recorded", nil
}

// verifiedOnce returns an error for each thing that does not verify.
func (w *World) verifiedOnce(ctx context.Context, kept kubectlplugin.Checkpoints) error {
	v, err := kubectlplugin.Verify(ctx, w.agents, kept)
	if err != nil {
		return err
	}
	if !v.Healthy {
		return fmt.Errorf("verify reports %v", v.Problems())
	}
	for _, r := range v.Records {
		if !r.Intact || r.Lines == 0 {
			return fmt.Errorf("the log of node %s: %+v", r.Node, r)
		}
	}
	return nil
}

// explainedRules has explain print the rules of a guest's pod, and returns how many have a reason. Rules that were not planned are an error.
func (w *World) explainedRules(ctx context.Context, guest corev1.Pod) (int, error) {
	var text bytes.Buffer
	if err := kubectlplugin.Rules(ctx, w.agents, &text, guest.Namespace, guest.Name, kubectlplugin.Style{Form: kubectlplugin.FormJSON}); err != nil {
		return 0, err
	}
	var rules agentapi.PodRules
	if err := json.Unmarshal(text.Bytes(), &rules); err != nil {
		return 0, fmt.Errorf("explain %s: %w: %s", guest.Name, err, tail(text.String()))
	}
	reasons := 0
	for _, chain := range rules.Chains {
		for _, rule := range chain.Rules {
			if rule.Reason == "" || rule.Reason == ruleview.Unplanned || rule.Reason == ruleview.Unnamed {
				return 0, fmt.Errorf("explain %s: rule %q of %s/%s has the reason %q", guest.Name, rule.Words, chain.Table, chain.Name, rule.Reason)
			}
			reasons++
		}
	}
	if reasons == 0 {
		return 0, fmt.Errorf("explain %s prints no rule", guest.Name)
	}
	return reasons, nil
}

// explainedRefusal has explain name the policy that keeps a guest's pod from the restricted Service's.
func (w *World) explainedRefusal(ctx context.Context, guest corev1.Pod) (string, error) {
	restricted, err := w.pods(ctx, restrictedSpace, "")
	if err != nil || len(restricted) == 0 {
		return "", errors.Join(err, errors.New("no pod in "+restrictedSpace))
	}
	var text bytes.Buffer
	question := kubectlplugin.Connection{To: restricted[0].Status.PodIP + ":" + appPort, Protocol: "tcp"}
	err = kubectlplugin.Explain(ctx, w.agents, &text, guest.Namespace, guest.Name, kubectlplugin.Style{Form: kubectlplugin.FormTable}, question)
	if !errors.Is(err, kubectlplugin.ErrRefused) || !strings.Contains(text.String(), "data-space-network-policy") {
		return "", fmt.Errorf("explain --to=%s ended with %w: %s", question.To, err, text.String())
	}
	first, _, _ := strings.Cut(text.String(), "\n")
	past, err := w.refusedBefore(ctx, guest, question)
	return first + past, err
}

// refusedBefore has explain find the same in the nodes' logs.
func (w *World) refusedBefore(ctx context.Context, guest corev1.Pod, question kubectlplugin.Connection) (string, error) {
	var text bytes.Buffer
	pod := netpolicy.Key{Namespace: guest.Namespace, Name: guest.Name}
	err := kubectlplugin.ExplainPast(ctx, w.agents, &text, pod, kubectlplugin.Style{Form: kubectlplugin.FormTable}, question, time.Now())
	if !errors.Is(err, kubectlplugin.ErrRefused) || !strings.Contains(text.String(), "data-space-network-policy (line ") {
		return "", fmt.Errorf("explain --to=%s --at ended with %w: %s", question.To, err, text.String())
	}
	return ", and so by the nodes' logs", nil
}

// requestsOf counts the lines of the record about the guest's application, on all nodes.
func (w *World) requestsOf(ctx context.Context, guests []corev1.Pod) (int, error) {
	lines := 0
	for _, guest := range guests {
		var text bytes.Buffer
		query := kubectlplugin.Query{Pod: guest.Namespace + "/" + guest.Name}
		if err := kubectlplugin.Requests(ctx, w.agents, &text, query, kubectlplugin.Style{Form: kubectlplugin.FormJSON}); err != nil {
			return 0, err
		}
		lines += strings.Count(text.String(), "\n")
	}
	if lines == 0 {
		return 0, errors.New("requests prints nothing about the guest's pods, which have called the hospital")
	}
	return lines, nil
}

// confirmsNothing returns an error unless "kubectl dataspace audit" names a node without an agent.
func (w *World) confirmsNothing(ctx context.Context, node string) error {
	report, err := kubectlplugin.Audit(ctx, w.agents)
	if err != nil {
		return err
	}
	for _, p := range report.Pods {
		if p.Node == node && p.Problem == "" {
			return fmt.Errorf("audit confirms pod %s/%s on %s, where no agent runs", p.Namespace, p.Name, node)
		}
	}
	if report.Healthy {
		return fmt.Errorf("audit reports no problem, and no agent runs on %s", node)
	}
	return nil
}
