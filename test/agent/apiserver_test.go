//go:build api || bench

package agent_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/test/apiserver"
)

const (
	root     = "../.."
	nodeName = "node-1"
	account  = "data-space-agent"
	podRange = "203.0.113.0/24"
)

// cluster is a real API server with the agent's manifest applied, and no kubelet: the test plays it.
type cluster struct {
	*kubernetes.Clientset
	t      *testing.T
	server *apiserver.Server
	config *rest.Config
	binary string // the agent
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	server, err := apiserver.Start()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop()) })
	require.NoError(t, server.Apply(t.Context(), root+"/deploy/namespace.yaml", root+"/deploy/agent.yaml"))
	binary := filepath.Join(t.TempDir(), "agent")
	require.NoError(t, apiserver.Build(t.Context(), "agent", binary))
	return &cluster{t: t, Clientset: server.Clients, server: server, config: server.Config, binary: binary}
}

// kubeconfig holds a token of a ServiceAccount.
func (c *cluster) kubeconfig(url, namespace, name string) string {
	c.t.Helper()
	token, err := c.server.Token(c.t.Context(), namespace, name)
	require.NoError(c.t, err)
	path := filepath.Join(c.t.TempDir(), "kubeconfig")
	require.NoError(c.t, c.server.Kubeconfig(path, url, token))
	return path
}

func (c *cluster) namespace(name string, labels map[string]string) {
	c.t.Helper()
	_, err := c.CoreV1().Namespaces().Create(c.t.Context(),
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}, metav1.CreateOptions{})
	require.NoError(c.t, err)
	_, err = c.CoreV1().ServiceAccounts(name).Create(c.t.Context(),
		&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "default"}}, metav1.CreateOptions{})
	require.NoError(c.t, err)
}

// object makes the node's own.
func (c *cluster) object(address string) {
	c.t.Helper()
	n, err := c.CoreV1().Nodes().Create(c.t.Context(), &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: nodeName}, Spec: corev1.NodeSpec{PodCIDRs: []string{podRange}, PodCIDR: podRange},
	}, metav1.CreateOptions{})
	require.NoError(c.t, err)
	n.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: address}}
	_, err = c.CoreV1().Nodes().UpdateStatus(c.t.Context(), n, metav1.UpdateOptions{})
	require.NoError(c.t, err)
}

// scheduledPod is a foreign pod as the webhook and the scheduler would leave it.
func scheduledPod(name string) *corev1.Pod {
	always := corev1.ContainerRestartPolicyAlways
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PodSpec{
			NodeName:       nodeName,
			InitContainers: []corev1.Container{{Name: apis.ProxyContainerName, Image: "envoy", RestartPolicy: &always}},
			Containers:     []corev1.Container{{Name: "app", Image: "app"}},
		},
	}
}

// pod makes a pod on the node.
func (c *cluster) pod(namespace, name string) *corev1.Pod {
	c.t.Helper()
	p, err := c.CoreV1().Pods(namespace).Create(c.t.Context(), scheduledPod(name), metav1.CreateOptions{})
	require.NoError(c.t, err)
	return p
}

// events returns the messages of the Events on a pod with that reason.
func (c *cluster) events(ctx context.Context, pod *corev1.Pod, reason string) []string {
	list, err := c.CoreV1().Events(pod.Namespace).List(ctx, metav1.ListOptions{
		FieldSelector: "involvedObject.uid=" + string(pod.UID) + ",reason=" + reason,
	})
	if err != nil {
		return []string{err.Error()}
	}
	var out []string
	for _, e := range list.Items {
		out = append(out, e.Message)
	}
	return out
}
