package kubectlplugin

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"data-space.liqo.io/pkg/decisions/audit"
	"data-space.liqo.io/pkg/effects/agentexec"
	"data-space.liqo.io/pkg/effects/localsock"
	"data-space.liqo.io/pkg/values/agentapi"
	"data-space.liqo.io/pkg/values/apis"
)

// nodes is a fleet of which each node answers what it is given.
type nodes map[string]any

func (n nodes) Agents(context.Context) ([]agentexec.Agent, error) {
	var all []agentexec.Agent
	for node, answer := range n {
		all = append(all, agentexec.Agent{Node: node, Running: answer != nil})
	}
	return all, nil
}

func (n nodes) Ask(_ context.Context, a agentexec.Agent, stdout io.Writer, path string) error {
	switch answer := n[a.Node].(type) {
	case error:
		return answer
	case map[string]any: // answers by path
		bare, query, _ := strings.Cut(path, "?")
		if log := "&" + query; strings.Contains(log, "&log=") { // a log of a guest's
			bare += "#"
		}
		path = bare
		if answer[path] == nil {
			return localsock.ErrNotServed
		}
		if err, is := answer[path].(error); is {
			return err
		}
		if text, is := answer[path].(string); is {
			_, err := io.WriteString(stdout, text)
			return err
		}
		return json.NewEncoder(stdout).Encode(answer[path])
	default:
		return json.NewEncoder(stdout).Encode(answer)
	}
}

func (n nodes) Pod(_ context.Context, namespace, name string) (*corev1.Pod, error) {
	pod := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, UID: "uid"}}
	pod.Spec.NodeName = "well"
	pod.Status.PodIPs = []corev1.PodIP{{IP: "10.0.0.1"}}
	return &pod, nil
}

func (n nodes) ForeignPods(_ context.Context, each func(*corev1.Pod, map[string]string)) error {
	for node := range n {
		pod := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "pharma-space", Name: "on-" + node, UID: "uid"}}
		pod.Spec.NodeName, pod.Status.Phase = node, corev1.PodRunning
		each(&pod, map[string]string{apis.LabelRemoteCluster: "pharma"})
	}
	return nil
}

func TestEachNodesAnswerIsInTheReport(t *testing.T) {
	status := func(uid string) agentapi.NodeStatus {
		return agentapi.NodeStatus{Ready: true, Endpoints: []agentapi.EndpointStatus{{UID: uid, State: agentapi.Enforced}}}
	}
	r, err := Audit(t.Context(), nodes{"well": status("uid"), "other": status("another"), "silent": errors.New("hangs"), "policy": map[string]any{}, "starting": nil})
	require.NoError(t, err)
	problems := map[string]string{}
	for _, n := range r.Nodes {
		if len(n.Problems) > 0 {
			problems[n.Name] = n.Problems[0]
		}
	}
	require.Equal(t, []string{"other", "policy", "silent", "starting", "well"}, names(r.Nodes))
	require.NotContains(t, problems, "well")
	require.Equal(t, "the agent does not answer: hangs", problems["silent"])
	require.Contains(t, problems["policy"], "--enable=redirect")
	require.Contains(t, problems["starting"], "no agent runs on this node")
	require.False(t, r.Healthy)

	r, err = Audit(t.Context(), nodes{"well": status("uid")})
	require.NoError(t, err)
	require.True(t, r.Healthy)
}

func names(all []audit.Node) []string {
	var names []string
	for _, n := range all {
		names = append(names, n.Name)
	}
	return names
}
