package local

import (
	"context"
	"fmt"
	"io"
	"net/http"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"data-space.liqo.io/pkg/effects/agentexec"
	"data-space.liqo.io/pkg/effects/localsock"
	"data-space.liqo.io/pkg/values/agentapi"
	"data-space.liqo.io/pkg/values/apis"
)

// Agent reaches the agent of the node on which the program runs, by its socket, and no API server: the foreign pods are those that this
// agent knows.
type Agent struct{ Socket string }

// Agents returns the one agent.
func (l Agent) Agents(ctx context.Context) ([]agentexec.Agent, error) {
	status, err := l.status(ctx)
	if err != nil {
		return nil, err
	}
	return []agentexec.Agent{{Node: status.Node, Running: true}}, nil
}

// Ask implements kubectlplugin.Cluster.
func (l Agent) Ask(ctx context.Context, _ agentexec.Agent, stdout io.Writer, path string) error {
	return localsock.Stream(ctx, l.Socket, path, stdout)
}

// ForeignPods implements kubectlplugin.Cluster with the pods that the agent knows.
func (l Agent) ForeignPods(ctx context.Context, each func(pod *corev1.Pod, namespace map[string]string)) error {
	status, err := l.status(ctx)
	if err != nil {
		return err
	}
	for _, e := range status.Endpoints {
		labels := map[string]string{apis.LabelRemoteCluster: e.Guest}
		if e.State == agentapi.Exempt {
			continue // why it is not guarded is in objects of the API server
		}
		each(podOf(status.Node, e), labels)
	}
	return nil
}

// Pod implements kubectlplugin.Cluster with the foreign pods that the agent knows.
func (l Agent) Pod(ctx context.Context, namespace, name string) (*corev1.Pod, error) {
	status, err := l.status(ctx)
	if err != nil {
		return nil, err
	}
	for _, e := range status.Endpoints {
		if e.Namespace == namespace && e.Name == name {
			return podOf(status.Node, e), nil
		}
	}
	return nil, fmt.Errorf("no foreign pod %s/%s on this node; without a kubeconfig only these are known", namespace, name)
}

func (l Agent) status(ctx context.Context) (agentapi.NodeStatus, error) {
	var status agentapi.NodeStatus
	err := localsock.Ask(ctx, l.Socket, http.MethodGet, agentapi.EndpointsPath, &status)
	return status, err
}

func podOf(node string, e agentapi.EndpointStatus) *corev1.Pod {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: e.Namespace, Name: e.Name, UID: types.UID(e.UID)}}
	pod.Spec.NodeName = node
	for _, ip := range e.IPs {
		pod.Status.PodIPs = append(pod.Status.PodIPs, corev1.PodIP{IP: ip.String()})
		pod.Status.PodIP = pod.Status.PodIPs[0].IP
	}
	return pod
}
