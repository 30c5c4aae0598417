package claims

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"data-space.liqo.io/pkg/values/agentapi"
	"data-space.liqo.io/pkg/values/apis"
)

const agentName = "data-space-agent"

// agentOf is the agent's pod on a node.
func (w *World) agentOf(ctx context.Context, node string) (corev1.Pod, error) {
	agents, err := w.pods(ctx, apis.SystemNamespace, "app.kubernetes.io/name="+agentName)
	if err != nil {
		return corev1.Pod{}, err
	}
	at := slices.IndexFunc(agents, func(p corev1.Pod) bool { return p.Spec.NodeName == node })
	if at < 0 {
		return corev1.Pod{}, fmt.Errorf("no agent runs on %s", node)
	}
	return agents[at], nil
}

// agentStatus asks the agent of a node what its kernel holds.
func (w *World) agentStatus(ctx context.Context, node string) (agentapi.Status, error) {
	status := agentapi.Status{NodeStatus: &agentapi.NodeStatus{}, NetworkPolicy: &agentapi.PolicyStatus{}}
	agent, err := w.agentOf(ctx, node)
	if err != nil {
		return status, err
	}
	text, err := w.run(ctx, "exec", "-n", apis.SystemNamespace, agent.Name, "--", "agent", "status", "-o", "json")
	if err != nil {
		return status, err
	}
	if err := json.Unmarshal([]byte(text), &status); err != nil {
		return status, fmt.Errorf("the agent's status on %s: %w: %s", node, err, tail(text))
	}
	return status, nil
}

// enforcedPod is the agent's account of one pod, once it says that the pod is enforced and its proxy bound.
func (w *World) enforcedPod(ctx context.Context, pod corev1.Pod) (agentapi.EndpointStatus, error) {
	status, err := w.agentStatus(ctx, pod.Spec.NodeName)
	if err != nil {
		return agentapi.EndpointStatus{}, err
	}
	for _, endpoint := range status.Endpoints {
		if endpoint.UID == string(pod.UID) {
			return endpoint, enforced(endpoint)
		}
	}
	return agentapi.EndpointStatus{}, fmt.Errorf("the agent on %s does not know %s", pod.Spec.NodeName, pod.Name)
}

func enforced(e agentapi.EndpointStatus) error {
	switch {
	case e.State != agentapi.Enforced:
		return fmt.Errorf("%s is %s: %s %s", e.Name, e.State, e.Reason, e.Message)
	case len(e.Drift) > 0:
		return fmt.Errorf("%s has drifted: %v", e.Name, e.Drift)
	case e.Proxy == nil || e.Proxy.CgroupInode == 0:
		return fmt.Errorf("%s: no proxy is bound", e.Name)
	case len(e.Rules) == 0:
		return errors.New(e.Name + ": the kernel holds no rules")
	}
	return nil
}

// wellOnEachNode fails if an agent reports a problem.
func (w *World) wellOnEachNode(ctx context.Context, nodes map[string]bool) error {
	for node := range nodes {
		status, err := w.agentStatus(ctx, node)
		if err != nil {
			return err
		}
		if problems := slices.Concat(status.Problems, status.NetworkPolicy.Problems); len(problems) > 0 {
			return fmt.Errorf("the agent on %s reports: %s", node, strings.Join(problems, "; "))
		}
	}
	return nil
}

// bothAgents asks the agents of all the guest's pods.
func (w *World) bothAgents(ctx context.Context) (string, error) {
	return until(ctx, func(ctx context.Context) (string, error) {
		guests, err := w.guests(ctx)
		if err != nil {
			return "", err
		}
		lines, nodes := []string{}, map[string]bool{}
		for _, pod := range guests {
			endpoint, err := w.enforcedPod(ctx, pod)
			if err != nil {
				return "", err
			}
			nodes[pod.Spec.NodeName] = true
			lines = append(lines, fmt.Sprintf("%s: %s %s", pod.Spec.NodeName, endpoint.State, counts(endpoint.Rules)))
		}
		if len(nodes) < 2 {
			return "", fmt.Errorf("the guest's pods are on %d node: %s", len(nodes), strings.Join(lines, "; "))
		}
		return strings.Join(lines, "; "), w.wellOnEachNode(ctx, nodes)
	})
}

// restartAgents replaces the agent of every node, and waits until the new ones are ready.
func (w *World) restartAgents(ctx context.Context) error {
	_, err := w.run(ctx, "delete", "pods", "-n", apis.SystemNamespace, "-l", "app.kubernetes.io/name="+agentName, "--wait", "--timeout=30s")
	if err != nil {
		return err
	}
	return w.rollouts(apis.SystemNamespace, "daemonset/"+agentName)(ctx)
}

// counts is "v4 filter 12 nat 6, v6 filter 14 nat 6".
func counts(rules map[string]map[string]int) string {
	families := []string{}
	for _, family := range slices.Sorted(maps.Keys(rules)) {
		words := []string{family}
		for _, table := range slices.Sorted(maps.Keys(rules[family])) {
			words = append(words, fmt.Sprintf("%s %d", table, rules[family][table]))
		}
		families = append(families, strings.Join(words, " "))
	}
	return strings.Join(families, ", ")
}
