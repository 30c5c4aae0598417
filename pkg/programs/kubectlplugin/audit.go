package kubectlplugin

import (
	"context"
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"data-space.liqo.io/pkg/decisions/audit"
	"data-space.liqo.io/pkg/effects/agentexec"
	"data-space.liqo.io/pkg/effects/localsock"
	"data-space.liqo.io/pkg/values/agentapi"
	"data-space.liqo.io/pkg/values/apis"
)

// Audit has every agent read its kernel, and judges whether every foreign pod is contained. An agent that does not answer is part
// of the report; the error is one of the API server.
func Audit(ctx context.Context, cluster Cluster) (audit.Report, error) {
	pods, agents, err := guarded(ctx, cluster)
	if err != nil {
		return audit.Report{}, err
	}
	answers := make([]audit.Answer, len(agents))
	eachAgent(agents, func(i int, a agentexec.Agent) { answers[i] = ask(ctx, cluster, a) })
	return audit.Judge(pods, answers), nil
}

// guarded lists the foreign pods, and then the agents.
func guarded(ctx context.Context, cluster Cluster) (pods []audit.Pod, agents []agentexec.Agent, err error) {
	err = cluster.ForeignPods(ctx, func(pod *corev1.Pod, namespace map[string]string) { pods = append(pods, auditPod(pod, namespace)) })
	if err != nil {
		return nil, nil, err
	}
	agents, err = cluster.Agents(ctx)
	return pods, agents, err
}

// ask has an agent read its kernel.
func ask(ctx context.Context, cluster Cluster, a agentexec.Agent) audit.Answer {
	answer := audit.Answer{Node: a.Node}
	if !a.Running {
		return answer
	}
	var status agentapi.NodeStatus
	err := askFor(ctx, cluster, a, agentapi.EndpointsPath, &status)
	switch {
	case err == nil:
		answer.Status = &status
	case notServed(err):
		answer.Problem = "the agent does not enforce foreign pods: give it --enable=redirect"
	default:
		answer.Problem = fmt.Sprintf("the agent does not answer: %v", err)
	}
	return answer
}

// notServed reports whether the agent has no answer at a path. The error may be the text of another process'.
func notServed(err error) bool {
	return errors.Is(err, localsock.ErrNotServed) || err != nil && strings.Contains(err.Error(), localsock.ErrNotServed.Error())
}

func auditPod(pod *corev1.Pod, namespace map[string]string) audit.Pod {
	phase := pod.Status.Phase
	ended := phase == corev1.PodSucceeded || phase == corev1.PodFailed
	return audit.Pod{
		Namespace: pod.Namespace, Name: pod.Name, UID: string(pod.UID), Guest: apis.Guest(namespace), Node: pod.Spec.NodeName,
		Started: pod.Status.PodIP != "" || phase == corev1.PodRunning, Ended: ended,
		HostNetwork: pod.Spec.HostNetwork, OptedOut: !apis.WebhookEnabled(namespace),
	}
}
