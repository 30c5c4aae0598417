package kubectlplugin

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"

	"data-space.liqo.io/pkg/decisions/audit"
	"data-space.liqo.io/pkg/effects/agentexec"
	"data-space.liqo.io/pkg/values/agentapi"
	"data-space.liqo.io/pkg/values/apis"
)

const (
	// atOnce bounds the agents that are asked at the same time.
	atOnce = 16
	// patience bounds how long one agent is waited for: it reads the rules of each pod of its node.
	patience = 30 * time.Second
)

// Fleet is the agents of a cluster, and the pods that they guard.
type Fleet interface {
	// Agents returns the agents by node.
	Agents(ctx context.Context) ([]agentexec.Agent, error)
	// Output runs a command of an agent and returns what it prints.
	Output(ctx context.Context, a agentexec.Agent, args ...string) ([]byte, error)
	// ForeignPods calls each with every pod of a foreign namespace and the namespace's labels.
	ForeignPods(ctx context.Context, each func(pod *corev1.Pod, namespace map[string]string)) error
}

// Audit has every agent read its kernel, and judges whether every foreign pod is contained. An agent that does not answer is part
// of the report; the error is one of the API server.
func Audit(ctx context.Context, fleet Fleet) (audit.Report, error) {
	var pods []audit.Pod
	err := fleet.ForeignPods(ctx, func(pod *corev1.Pod, namespace map[string]string) { pods = append(pods, auditPod(pod, namespace)) })
	if err != nil {
		return audit.Report{}, err
	}
	agents, err := fleet.Agents(ctx)
	if err != nil {
		return audit.Report{}, err
	}
	answers := make([]audit.Answer, len(agents))
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i, a := range agents {
		group.Go(func() error {
			answers[i] = ask(ctx, fleet, a)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return audit.Report{}, err
	}
	return audit.Judge(pods, answers), nil
}

func ask(ctx context.Context, fleet Fleet, a agentexec.Agent) audit.Answer {
	answer := audit.Answer{Node: a.Node}
	if !a.Running {
		return answer
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	out, err := fleet.Output(ctx, a, "status", "-o", "json")
	var status agentapi.Status
	if err == nil {
		err = json.Unmarshal(out, &status)
	}
	switch {
	case err != nil:
		answer.Problem = fmt.Sprintf("the agent does not answer: %v", err)
	case status.NodeStatus == nil:
		answer.Problem = "the agent does not enforce foreign pods: give it --enable=redirect"
	default:
		answer.Status = status.NodeStatus
	}
	return answer
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
