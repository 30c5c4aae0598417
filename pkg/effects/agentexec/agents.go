package agentexec

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

const (
	// container is the agent's, and program what runs in it; deploy and the image set both.
	container, program = "agent", "agent"
	// mostComplaint bounds what a command may print to stderr, in bytes.
	mostComplaint = 4 << 10
)

// selector finds the agents' pods; deploy sets the label.
const selector = "app.kubernetes.io/name=data-space-agent"

// Cluster is a connection to the API server of a cluster. Its methods may be called at the same time.
type Cluster struct {
	config    *rest.Config
	client    kubernetes.Interface
	namespace string
}

// New returns a connection for the agents in a namespace, that of the installation.
func New(config *rest.Config, namespace string) (*Cluster, error) {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("the kubeconfig describes no usable connection: %w", err)
	}
	return &Cluster{config: config, client: client, namespace: namespace}, nil
}

// Agent is the agent of a node.
type Agent struct {
	Node string
	Pod  string
	// Running is whether its container runs, so that a command can be run in it.
	Running bool
}

// Agents returns the agents by node. A node with two agents' pods, as during an update, has the one that runs.
func (c *Cluster) Agents(ctx context.Context) ([]Agent, error) {
	pods, err := c.client.CoreV1().Pods(c.namespace).List(ctx, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return nil, fmt.Errorf("list the agents' pods in namespace %s: %w", c.namespace, err)
	}
	nodes := map[string]Agent{}
	for i := range pods.Items {
		a := agentOf(&pods.Items[i])
		if known, is := nodes[a.Node]; a.Node != "" && (!is || !known.Running) {
			nodes[a.Node] = a
		}
	}
	all := make([]Agent, 0, len(nodes))
	for _, a := range nodes {
		all = append(all, a)
	}
	slices.SortFunc(all, func(a, b Agent) int { return strings.Compare(a.Node, b.Node) })
	return all, nil
}

func agentOf(pod *corev1.Pod) Agent {
	running := slices.ContainsFunc(pod.Status.ContainerStatuses, func(s corev1.ContainerStatus) bool { return s.Name == container && s.State.Running != nil })
	return Agent{Node: pod.Spec.NodeName, Pod: pod.Name, Running: running}
}
