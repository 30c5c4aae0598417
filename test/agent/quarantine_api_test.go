//go:build api

package agent_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"data-space.liqo.io/pkg/values/apis"
)

// TestTheConditionOfAQuarantinedPod: the agent sets it, as its own ServiceAccount, and may write nothing else of a pod.
func TestTheConditionOfAQuarantinedPod(t *testing.T) {
	c, n := newCluster(t), newNode(t)
	c.namespace("pharma", map[string]string{apis.LabelRemoteCluster: "pharma-1"})
	bare := func(name, node string) *corev1.Pod {
		p, err := c.CoreV1().Pods("pharma").Create(t.Context(), &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: name},
			Spec:       corev1.PodSpec{NodeName: node, Containers: []corev1.Container{{Name: "app", Image: "app"}}},
		}, metav1.CreateOptions{})
		require.NoError(t, err)
		return p
	}
	pod := bare("bare", nodeName)
	config := n.sandboxConfig("pharma", "bare")
	config.Metadata.Uid = string(pod.UID)
	n.runPod(config)
	startProgram(t, c, n, c.kubeconfig(c.config.Host, apis.SystemNamespace, account), t.TempDir(), "--gate=off", "--nri-socket=off")
	require.Eventually(t, func() bool {
		p, err := c.CoreV1().Pods("pharma").Get(t.Context(), "bare", metav1.GetOptions{})
		require.NoError(t, err)
		for _, condition := range p.Status.Conditions {
			if condition.Type == apis.ConditionQuarantined {
				return condition.Status == corev1.ConditionTrue && condition.Reason == "ProxyMissing" && condition.Message != ""
			}
		}
		return false
	}, time.Minute, 50*time.Millisecond)
	require.NotEmpty(t, c.events(t.Context(), pod, "Quarantined"))

	own := c.boundTo(nodeName)
	patch := func(name, text string, sub ...string) error {
		_, err := own.CoreV1().Pods("pharma").Patch(t.Context(), name, types.StrategicMergePatchType, []byte(text), metav1.PatchOptions{}, sub...)
		return err
	}
	const condition = `{"status":{"conditions":[{"type":"data-space.liqo.io/Quarantined","status":"False"}]}}`
	require.NoError(t, patch("bare", condition, "status"))
	bare("elsewhere", "another-node")
	for what, err := range map[string]error{
		"of its own node only":           patch("elsewhere", condition, "status"),
		"nothing else of a pod's status": patch("bare", `{"status":{"podIP":"203.0.113.99","podIPs":[{"ip":"203.0.113.99"}]}}`, "status"),
		"Quarantined and nothing else":   patch("bare", `{"status":{"conditions":[{"type":"Ready","status":"True"}]}}`, "status"),
		"metadata":                       patch("bare", `{"metadata":{"labels":{"app":"mine"}}}`, "status"),
		"forbidden":                      patch("bare", `{"metadata":{"labels":{"app":"mine"}}}`),
	} {
		require.ErrorContains(t, err, what)
	}
}

// boundTo is the API as the agent of a node has it: its token says which node it was made for.
func (c *cluster) boundTo(node string) kubernetes.Interface {
	c.t.Helper()
	return c.bearing(c.boundToken(node))
}

// bearing is the API as the bearer of a token has it.
func (c *cluster) bearing(token string) kubernetes.Interface {
	c.t.Helper()
	config := rest.AnonymousClientConfig(c.config)
	config.BearerToken = token
	api, err := kubernetes.NewForConfig(config)
	require.NoError(c.t, err)
	return api
}

func (c *cluster) boundToken(node string) string {
	c.t.Helper()
	p, err := c.CoreV1().Pods(apis.SystemNamespace).Create(c.t.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "agent-of-" + node},
		Spec:       corev1.PodSpec{NodeName: node, ServiceAccountName: account, Containers: []corev1.Container{{Name: "agent", Image: "agent"}}},
	}, metav1.CreateOptions{})
	require.NoError(c.t, err)
	_, err = c.CoreV1().Nodes().Create(c.t.Context(), &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: node}}, metav1.CreateOptions{})
	require.NoError(c.t, err)
	token, err := c.CoreV1().ServiceAccounts(apis.SystemNamespace).CreateToken(c.t.Context(), account, &authenticationv1.TokenRequest{
		Spec: authenticationv1.TokenRequestSpec{BoundObjectRef: &authenticationv1.BoundObjectReference{Kind: "Pod", APIVersion: "v1", Name: p.Name, UID: p.UID}},
	}, metav1.CreateOptions{})
	require.NoError(c.t, err)
	return token.Status.Token
}
