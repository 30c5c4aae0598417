//go:build api

package metricsauth_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"data-space.liqo.io/pkg/effects/metricsauth"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/test/apiserver"
)

// TestWhoMayReadTheMetrics runs the guard with the rights that deploy/monitoring gives the agent, and the readers with those that it offers.
func TestWhoMayReadTheMetrics(t *testing.T) {
	ctx := t.Context()
	server, err := apiserver.Start()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop()) })
	root, err := filepath.Abs("../../..")
	require.NoError(t, err)
	require.NoError(t, server.Apply(ctx, filepath.Join(root, "deploy/namespace.yaml"), filepath.Join(root, "deploy/agent.yaml")))
	clients, err := kubernetes.NewForConfig(server.Config)
	require.NoError(t, err)
	_, err = clients.CoreV1().ServiceAccounts(apis.SystemNamespace).Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "prometheus"}}, metav1.CreateOptions{})
	require.NoError(t, err)
	token := func(account string) string {
		text, err := server.Token(ctx, apis.SystemNamespace, account)
		require.NoError(t, err)
		return text
	}
	agent := rest.AnonymousClientConfig(server.Config)
	agent.BearerToken = token("data-space-agent")
	address := serve(t, metricsauth.New(agent, metricsauth.NewCertificate(""), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Empty(t, r.Header.Get("Authorization"))
		_, _ = io.WriteString(w, "data_space_agent_vouched 1\n")
	})))
	reader := token("prometheus")
	status, text := get(t, address, reader)
	require.Equal(t, http.StatusInternalServerError, status, "the agent itself may not ask")
	require.Contains(t, text, "grant this program the ClusterRole of deploy/monitoring")
	require.NotContains(t, text, "data-space-agent", "a client that is not known does not read the agent's user")

	require.NoError(t, server.Apply(ctx, filepath.Join(root, "deploy/monitoring/rights.yaml")))
	await := func(want int, token string) {
		t.Helper()
		require.Eventually(t, func() bool { status, text = get(t, address, token); return status == want }, time.Minute, 100*time.Millisecond, "%d %s", status, text)
	}
	await(http.StatusForbidden, reader)
	await(http.StatusForbidden, agent.BearerToken)
	for _, unknown := range []string{"", "x", "x." + reader, reader[:len(reader)-3]} {
		await(http.StatusUnauthorized, unknown)
	}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "prometheus"}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "data-space-metrics-reader"},
		Subjects: []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: apis.SystemNamespace, Name: "prometheus"}},
	}
	_, err = clients.RbacV1().ClusterRoleBindings().Create(ctx, binding, metav1.CreateOptions{})
	require.NoError(t, err)
	await(http.StatusOK, reader)
	require.Equal(t, "data_space_agent_vouched 1\n", text)
	require.NoError(t, clients.RbacV1().ClusterRoleBindings().Delete(ctx, "prometheus", metav1.DeleteOptions{}))
	await(http.StatusForbidden, reader)
}

func serve(t *testing.T, g *metricsauth.Guarded) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &http.Server{Handler: g, ReadHeaderTimeout: time.Minute}
	go func() { _ = s.Serve(tls.NewListener(listener, g.TLS())) }()
	t.Cleanup(func() { require.NoError(t, s.Shutdown(context.WithoutCancel(t.Context()))) })
	return listener.Addr().String()
}

func get(t *testing.T, address, token string) (status int, text string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+address+"/metrics", http.NoBody)
	require.NoError(t, err)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := client.Do(r)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(body)
}
