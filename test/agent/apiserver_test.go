//go:build api || bench

package agent_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/stretchr/testify/require"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"

	"data-space.liqo.io/pkg/values/apis"
)

const (
	root     = "../.."
	nodeName = "node-1"
	account  = "data-space-agent"
)

// cluster is a real API server with the agent's manifest applied, and no kubelet: the test plays it.
type cluster struct {
	*kubernetes.Clientset
	t      *testing.T
	env    *envtest.Environment
	config *rest.Config
	binary string // the agent
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	assets := os.Getenv("KUBEBUILDER_ASSETS")
	require.NotEmpty(t, assets, "KUBEBUILDER_ASSETS is unset: name the directory that holds kube-apiserver, etcd and kubectl")
	c := &cluster{t: t, env: &envtest.Environment{BinaryAssetsDirectory: assets, ControlPlaneStartTimeout: time.Minute}}
	ctrllog.SetLogger(logr.Discard()) // it complains if nobody does
	// There may be no route here by which the API server could find an address of its own.
	c.env.ControlPlane.GetAPIServer().Configure().Set("advertise-address", "127.0.0.1")
	var err error
	c.config, err = c.env.Start()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.env.Stop()) })
	c.Clientset, err = kubernetes.NewForConfig(c.config)
	require.NoError(t, err)
	c.apply("deploy/namespace.yaml")
	c.apply("deploy/agent.yaml")
	c.binary = filepath.Join(t.TempDir(), "agent")
	out, err := exec.Command("go", "build", "-ldflags", "-s -w", "-o", c.binary, "data-space.liqo.io/cmd/agent").CombinedOutput()
	require.NoError(t, err, string(out))
	return c
}

// apply applies a manifest as a user does.
func (c *cluster) apply(path string) {
	c.t.Helper()
	raw, err := os.ReadFile(filepath.Join(root, path))
	require.NoError(c.t, err)
	user, err := client.New(c.config, client.Options{})
	require.NoError(c.t, err)
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(raw), 4096)
	for {
		object := &unstructured.Unstructured{}
		if err := decoder.Decode(object); errors.Is(err, io.EOF) {
			return
		}
		require.NoError(c.t, user.Apply(c.t.Context(), client.ApplyConfigurationFromUnstructured(object),
			client.FieldOwner("user"), client.ForceOwnership), path)
	}
}

// kubeconfig holds a token of a ServiceAccount.
func (c *cluster) kubeconfig(server, namespace, name string) string {
	c.t.Helper()
	token, err := c.CoreV1().ServiceAccounts(namespace).CreateToken(c.t.Context(), name, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	require.NoError(c.t, err)
	path := filepath.Join(c.t.TempDir(), "kubeconfig")
	require.NoError(c.t, clientcmd.WriteToFile(clientcmdapi.Config{
		CurrentContext: "test",
		Contexts:       map[string]*clientcmdapi.Context{"test": {Cluster: "test", AuthInfo: name}},
		Clusters:       map[string]*clientcmdapi.Cluster{"test": {Server: server, CertificateAuthorityData: c.config.CAData}},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{name: {Token: token.Status.Token}},
	}, path))
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

// pod makes a pod on the node, as the webhook and the scheduler would leave it.
func (c *cluster) pod(namespace, name string) *corev1.Pod {
	c.t.Helper()
	always := corev1.ContainerRestartPolicyAlways
	p, err := c.CoreV1().Pods(namespace).Create(c.t.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PodSpec{
			NodeName:       nodeName,
			InitContainers: []corev1.Container{{Name: apis.ProxyContainerName, Image: "envoy", RestartPolicy: &always}},
			Containers:     []corev1.Container{{Name: "app", Image: "app"}},
		},
	}, metav1.CreateOptions{})
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
