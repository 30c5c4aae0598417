//go:build api

package proxy

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	authenticationv1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/serializer/cbor"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"data-space.liqo.io/test/apiserver"
	"data-space.liqo.io/test/kit"
)

// applied applies components of deploy as a user does.
func (w *world) applied(t *testing.T, components ...string) {
	t.Helper()
	folder := t.TempDir()
	text := "components:\n"
	for _, component := range components {
		from, err := filepath.Abs(filepath.Join(root, component))
		require.NoError(t, err)
		path, err := filepath.Rel(folder, from)
		require.NoError(t, err)
		text += "- " + path + "\n"
	}
	require.NoError(t, os.WriteFile(filepath.Join(folder, "kustomization.yaml"), []byte(text), 0o600))
	out, err := kubectlCommand(t, kubeconfigOf(t, w.Config), "apply", "--server-side", "-k", folder).CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// A release before 1.36 has no constrained impersonation; here it is switched off. The API server answers in CBOR, which is off by default.
func TestLegacyRightsSufficeWhereImpersonationIsNotConstrained(t *testing.T) {
	server, err := apiserver.Start(func(c *envtest.ControlPlane) {
		c.GetAPIServer().Configure().Append("feature-gates", "ConstrainedImpersonation=false,CBORServingAndStorage=true")
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop()) })
	w := &world{Server: server, dir: t.TempDir(), binary: newWorld(t).binary, output: &kit.Output{}}
	w.logFailure(t)
	ctx := t.Context()
	require.NoError(t, server.InstallKinds(ctx, root+"/deploy/crds"))
	require.NoError(t, server.Apply(ctx, root+"/deploy/namespace.yaml"))
	require.NoError(t, w.cast(ctx))

	w.applied(t, "deploy/proxy")
	stop, err := w.start(ctx)
	require.NoError(t, err)
	proxied, _ := w.pharma(t)
	_, err = clients(t, proxied).CoreV1().ConfigMaps("pharma-a").List(ctx, metav1.ListOptions{})
	require.True(t, apierrors.IsForbidden(err), "without the component the proxy may act as no caller: %v", err)
	require.NoError(t, stop())

	w.applied(t, "deploy/proxy", "deploy/proxy/legacy")
	stop, err = w.start(ctx)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, stop()) })
	eventually(t, func() bool {
		return strings.Contains(w.output.String(), "the program may impersonate every user for every request")
	}, "it warns")
	proxied, _ = w.pharma(t)
	c := clients(t, proxied)
	_, err = c.CoreV1().ConfigMaps("pharma-a").List(ctx, metav1.ListOptions{})
	require.NoError(t, err)
	require.Equal(t, []string{"pharma-a", "pharma-b"}, listed(t, proxied, metav1.ListOptions{}))
	_, err = c.CoreV1().ConfigMaps("rival-a").List(ctx, metav1.ListOptions{})
	require.True(t, apierrors.IsForbidden(err))
	require.Contains(t, err.Error(), `User "slice-0123456789ab"`)
	for path, kind := range map[string]string{"": "NamespaceList", "/pharma-a": "Namespace"} {
		code, header, body := send(t, proxied, "GET", "/api/v1/namespaces"+path, http.Header{"Accept": {"application/cbor"}}, nil)
		require.Equal(t, http.StatusOK, code, "%q", body)
		require.Equal(t, "application/cbor", header.Get("Content-Type"))
		_, is, err := cbor.NewSerializer(scheme.Scheme, scheme.Scheme).Decode([]byte(body), nil, nil)
		require.NoError(t, err)
		require.Equal(t, kind, is.Kind)
		require.Contains(t, body, "pharma-a")
		require.NotContains(t, body, "rival-a")
	}
	code, _, _ := send(t, proxied, "GET", "/api/v1/namespaces/rival-a", http.Header{"Accept": {"application/cbor"}}, nil)
	require.Equal(t, http.StatusNotFound, code)
	token, err := w.Token(ctx, "pharma-a", w.account(t, "pharma-a"))
	require.NoError(t, err)
	review, err := clients(t, w.through(&rest.Config{BearerToken: token})).AuthenticationV1().SelfSubjectReviews().
		Create(ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	require.NoError(t, err)
	require.Contains(t, review.Status.UserInfo.Username, "system:serviceaccount:pharma-a:")
}
