//go:build api

package controller

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/programs/controller"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/test/kit"
)

func TestLabelsThatMeanNothingAreReportedAndTheGuardStays(t *testing.T) {
	w := newWorld(t)
	w.start(t)
	ns := w.namespace(t, foreign(apis.LabelApplyWebhook, "maybe", apis.LabelRemoteCluster, ""))
	w.eventuallyGuarded(t, ns)
	eventually(t, "an Event for each", func() bool { return len(w.event(t, ns, controller.ReasonMalformedLabel)) == 2 })
	all := strings.Join(w.event(t, ns, controller.ReasonMalformedLabel), "\n")
	require.Contains(t, all, `label data-space/apply-webhook="maybe" is not understood: use "true" or "false"`)
	require.Contains(t, all, `label liqo.io/remote-cluster-id="" is not understood`)

	annotated := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}}
	patch := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"annotations":{"data-space.liqo.io/proxy-limits":"memory=64Mi"}}}`))
	require.NoError(t, w.client.Patch(t.Context(), annotated, patch))
	require.Contains(t, w.eventuallyEvent(t, ns, controller.ReasonMalformedNote), "annotation data-space.liqo.io/proxy-limits is not used: the limit memory=64Mi is below 256Mi")
}

func TestTheResolversServiceIsFollowed(t *testing.T) {
	w := newWorld(t)
	w.start(t)
	ns := w.namespace(t, foreign())
	w.eventuallyGuarded(t, ns)

	require.NoError(t, w.client.Delete(t.Context(), resolverService("")))
	other := w.namespace(t, foreign())
	eventually(t, "the policy does not wait", func() bool { return w.networkPolicy(t, other) != nil })
	note := w.eventuallyEvent(t, other, controller.ReasonUndecided)
	require.Contains(t, note, "data-spacer/data-space-resolver")
	require.Contains(t, note, "apply deploy/resolver.yaml")
	require.Nil(t, w.configMap(t, other))
	require.NotNil(t, w.configMap(t, ns), "what there was, stays")

	require.NoError(t, w.client.Create(t.Context(), resolverService("10.0.0.53")))
	for _, n := range []string{ns, other} {
		eventually(t, "the new address is in use", func() bool {
			config := w.configMap(t, n)
			return config != nil && strings.Contains(config.Data[apis.EnvoyConfigKey], "10.0.0.53")
		})
	}
	require.Empty(t, w.event(t, ns, controller.ReasonRestored), "a new wish is not an edit")
}

func TestGivenAddressesAreUsed(t *testing.T) {
	w := newWorld(t)
	w.start(t, "--cluster-dns=192.0.2.53,2001:db8::53", "--dns-namespace=kube-system", "--dns-pod-labels=k8s-app=kube-dns",
		"--ipv6=false", "--protocol-detection-timeout=150ms")
	ns := w.namespace(t, foreign())
	w.eventuallyGuarded(t, ns)
	config := w.configMap(t, ns).Data[apis.EnvoyConfigKey]
	require.Contains(t, config, "192.0.2.53")
	require.NotContains(t, config, "2001:db8::53", "pods without IPv6 cannot reach it")
	require.Contains(t, config, "listener_filters_timeout: 0.150s")
	egress, err := json.Marshal(w.networkPolicy(t, ns).Spec.Egress)
	require.NoError(t, err)
	require.Contains(t, string(egress), `"k8s-app":"kube-dns"`)
	require.NotContains(t, string(egress), apis.ResolverName)
}

func TestReplicasAgreeOnOneAndTheOtherTakesOver(t *testing.T) {
	w := newWorld(t)
	first := w.start(t, "--leader-elect")
	ns := w.namespace(t, foreign())
	w.eventuallyGuarded(t, ns)
	second := w.start(t, "--leader-elect")
	first.stop(t)

	require.NoError(t, w.client.Delete(t.Context(), w.configMap(t, ns)))
	w.eventuallyGuarded(t, ns)
	require.NotContains(t, second.output.String(), `"level":"ERROR"`)
}

func TestHealthAndMetricsAreServed(t *testing.T) {
	w := newWorld(t)
	health, metrics := kit.FreeAddress(t).String(), kit.FreeAddress(t).String()
	w.start(t, "--health-bind-address="+health, "--metrics-bind-address="+metrics)
	for _, path := range []string{"/healthz", "/readyz"} {
		eventually(t, path, func() bool { return status(t, "http://"+health+path, "") == http.StatusOK })
	}
	eventually(t, "metrics are refused to nobody in particular", func() bool {
		return status(t, "https://"+metrics+"/metrics", "") == http.StatusUnauthorized
	})
	require.Equal(t, http.StatusOK, status(t, "https://"+metrics+"/metrics", w.reader(t)))
}

func TestRefusedCredentialsAreOneMessage(t *testing.T) {
	w := newWorld(t)
	kubeconfig := w.kubeconfig(t)
	binding := w.clients.RbacV1().ClusterRoleBindings()
	kept, err := binding.Get(t.Context(), apis.ControllerName, metav1.GetOptions{})
	require.NoError(t, err)
	require.NoError(t, binding.Delete(t.Context(), apis.ControllerName, metav1.DeleteOptions{}))
	defer func() {
		kept.ResourceVersion, kept.UID = "", ""
		_, err := binding.Create(context.Background(), kept, metav1.CreateOptions{})
		require.NoError(t, err)
	}()
	var out []byte
	eventually(t, "the right is gone", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		command := exec.CommandContext(ctx, w.binary, "--kubeconfig="+kubeconfig, "--metrics-bind-address=0", "--health-bind-address=0")
		out, err = command.CombinedOutput()
		return command.ProcessState.ExitCode() == 1
	})
	require.Equal(t, 1, strings.Count(string(out), "\n"), string(out))
	require.Contains(t, string(out), kubeconfig)
	require.Contains(t, string(out), "apply deploy/controller.yaml")
}

func status(t *testing.T, url, token string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	c := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	response, err := c.Do(request)
	if err != nil {
		return 0
	}
	require.NoError(t, response.Body.Close())
	return response.StatusCode
}

// reader is a token that may read metrics.
func (w *world) reader(t *testing.T) string {
	t.Helper()
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: apis.SystemNamespace, GenerateName: "reader-"}}
	require.NoError(t, w.client.Create(t.Context(), account))
	role := &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: account.Name},
		Rules:      []rbacv1.PolicyRule{{NonResourceURLs: []string{"/metrics"}, Verbs: []string{"get"}}},
	}
	require.NoError(t, w.client.Create(t.Context(), role))
	require.NoError(t, w.client.Create(t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: account.Name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: account.Name},
		Subjects:   []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: account.Namespace, Name: account.Name}},
	}))
	token, err := w.clients.CoreV1().ServiceAccounts(account.Namespace).
		CreateToken(t.Context(), account.Name, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	require.NoError(t, err)
	return token.Status.Token
}
