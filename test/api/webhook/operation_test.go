//go:build api

package webhook

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/test/kit"
)

// may asks whether the webhook's ServiceAccount is granted something.
func (w *world) may(t *testing.T, verb, group, resource, namespace, name string) bool {
	t.Helper()
	user := "system:serviceaccount:" + apis.SystemNamespace + ":data-space-webhook"
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: user, Groups: []string{"system:serviceaccounts", "system:authenticated"},
		ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: verb, Group: group, Resource: resource, Namespace: namespace, Name: name},
	}}
	require.NoError(t, w.client.Create(t.Context(), review))
	return review.Status.Allowed
}

// rights: that those granted are enough shows in every other story, since the process has no others.
func rights(t *testing.T, w *world) {
	t.Helper()
	const registration = "admissionregistration.k8s.io"
	require.True(t, w.may(t, "update", "", "secrets", apis.SystemNamespace, secretName))
	require.True(t, w.may(t, "update", registration, "mutatingwebhookconfigurations", "", name))
	require.True(t, w.may(t, "update", registration, "validatingwebhookconfigurations", "", name))
	for _, not := range [][5]string{
		{"list", "", "secrets", apis.SystemNamespace, ""},
		{"get", "", "secrets", apis.SystemNamespace, "other"},
		{"create", "", "secrets", apis.SystemNamespace, ""},
		{"get", "", "secrets", "default", secretName},
		{"list", registration, "mutatingwebhookconfigurations", "", ""},
		{"update", registration, "mutatingwebhookconfigurations", "", "other"},
		{"update", registration, "validatingwebhookconfigurations", "", "other"},
		{"list", registration, "validatingwebhookconfigurations", "", ""},
		{"update", "", "namespaces", "", "default"},
		{"get", "", "pods", "default", ""},
		{"get", "", "configmaps", apis.SystemNamespace, ""},
	} {
		require.False(t, w.may(t, not[0], not[1], not[2], not[3], not[4]), "%v", not)
	}
	require.NotContains(t, w.process.String(), "forbidden")
}

// badCalls: each gives one message that names the thing and the way out, and a status that tells who is to blame.
func badCalls(t *testing.T, w *world) {
	t.Helper()
	w.serviceAccount(t, "default")
	stranger, err := w.clients.CoreV1().ServiceAccounts("default").
		CreateToken(t.Context(), "default", &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	require.NoError(t, err)
	nobody := w.writeKubeconfig(t, "nobody", "token")
	text, err := os.ReadFile(nobody)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(nobody, bytes.ReplaceAll(text, []byte(w.Config.Host), []byte("https://127.0.0.1:1")), 0o600))
	for _, c := range []struct {
		status    int
		arguments []string
		message   string
	}{
		{2, []string{"--envoy-image=Bad Image"}, `invalid argument "Bad Image" for "--envoy-image" flag`},
		{2, []string{"--kubeconfig=/nowhere"}, "--kubeconfig=/nowhere: stat /nowhere: no such file or directory; name a kubeconfig file"},
		{2, []string{"--kubeconfig="}, "--kubeconfig: none given, and this is no pod"},
		{1, []string{"--kubeconfig=" + w.writeKubeconfig(t, "refused", "wrong")}, "Unauthorized; check --kubeconfig and the rights in deploy/webhook.yaml"},
		{1, []string{"--kubeconfig=" + w.writeKubeconfig(t, "stranger", stranger.Status.Token)},
			`cannot list resource \"namespaces\" in API group \"\" at the cluster scope; check --kubeconfig and the rights`},
		{1, []string{"--kubeconfig=" + nobody}, "connection refused; check --kubeconfig"},
		{1, []string{"--health-bind-address=" + w.health}, "address already in use; check --metrics-bind-address and --health-bind-address"},
	} {
		free := "--health-bind-address=" + kit.FreeAddress(t).String()
		command := w.command(append([]string{free, "--log-level=info"}, c.arguments...)...)
		output, err := command.CombinedOutput()
		var failed *exec.ExitError
		require.ErrorAs(t, err, &failed, c.message)
		require.Equal(t, c.status, failed.ExitCode(), string(output))
		require.Contains(t, string(output), c.message)
		require.Equal(t, 1, strings.Count(string(output), "\n"), "one message: %s", output)
	}
}

func outage(t *testing.T, w *world) {
	t.Helper()
	foreign, tenant, plain := w.foreign(t), w.foreign(t, apis.LabelTenantNamespace, "true"), w.namespace(t, nil)
	before := pod(foreign, "before")
	w.create(t, before)
	w.process.stop()
	require.NoError(t, w.process.failure, "it ends well when told to")

	err := w.client.Create(t.Context(), pod(foreign, "app"))
	require.ErrorContains(t, err, `failed calling webhook "inject-pod.data-space.liqo.io"`)
	w.create(t, pod(plain, "app"))
	w.create(t, pod(tenant, "app"))
	w.create(t, pod(apis.SystemNamespace, "during"))
	before.Annotations["updated"] = "during the outage"
	require.NoError(t, w.client.Update(t.Context(), before))
	require.NoError(t, w.client.Delete(t.Context(), before))

	w.start(t)
	p := pod(foreign, "app")
	w.create(t, p)
	requireProxy(t, p)
}

// secret returns the webhook's Secret as stored.
func (w *world) secret(t *testing.T) *corev1.Secret {
	t.Helper()
	found := &corev1.Secret{}
	require.NoError(t, w.client.Get(t.Context(), client.ObjectKey{Namespace: apis.SystemNamespace, Name: secretName}, found))
	return found
}

// injects reports whether a foreign pod can be created and has its proxy.
func (w *world) injects(ctx context.Context, namespace string) bool {
	p := pod(namespace, "")
	p.ObjectMeta = metav1.ObjectMeta{Namespace: namespace, GenerateName: "app-"}
	return w.client.Create(ctx, p) == nil && p.Spec.InitContainers[0].Name == apis.ProxyContainerName
}
