//go:build api

package proxy

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"data-space.liqo.io/pkg/values/v1alpha1"
)

func who(t *testing.T, config *rest.Config) authenticationv1.UserInfo {
	t.Helper()
	review, err := clients(t, config).AuthenticationV1().SelfSubjectReviews().Create(t.Context(), &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	require.NoError(t, err)
	return review.Status.UserInfo
}

func TestEachCallerIsItself(t *testing.T) {
	w := newWorld(t)
	proxied, direct := w.user(t, "dr-alice", "doctors", "Ärzte/Nacht schicht", "a,b")
	ours, theirs := who(t, proxied), who(t, direct)
	require.Equal(t, theirs.Username, ours.Username)
	require.ElementsMatch(t, theirs.Groups, ours.Groups)

	token, err := w.Token(t.Context(), "pharma-a", w.account(t, "pharma-a"))
	require.NoError(t, err)
	direct = &rest.Config{Host: w.Config.Host, TLSClientConfig: rest.TLSClientConfig{CAData: w.Config.CAData}, BearerToken: token}
	ours, theirs = who(t, w.through(direct)), who(t, direct)
	require.Equal(t, theirs.Username, ours.Username)
	require.ElementsMatch(t, theirs.Groups, ours.Groups)
}

func (w *world) account(t *testing.T, namespace string) string {
	t.Helper()
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: "account-"}}
	w.create(t, account)
	return account.Name
}

func TestWithoutGoodCredentialsTheAnswerIs401(t *testing.T) {
	w := newWorld(t)
	anonymous := &rest.Config{Host: w.Config.Host, TLSClientConfig: rest.TLSClientConfig{CAData: w.Config.CAData}}
	_, _, theirs := send(t, anonymous, "GET", "/api/v1/namespaces", http.Header{"Authorization": {"Bearer nonsense"}}, nil)
	for _, header := range []http.Header{
		nil, {"Authorization": {"Bearer nonsense"}}, {"Authorization": {"Basic YWRtaW46YWRtaW4="}}, {"Authorization": {"Bearer"}},
		{"X-Remote-User": {"admin"}, "X-Remote-Group": {"system:masters"}},
		{"Impersonate-User": {"admin"}, "Impersonate-Group": {guest}},
		{"X-Forwarded-Client-Cert": {"Subject=\"CN=x,O=pharma\""}, "Ssl-Client-Cert": {"-----BEGIN CERTIFICATE-----"}},
	} {
		code, _, body := send(t, w.through(anonymous), "GET", "/api/v1/namespaces", header, nil)
		require.Equal(t, http.StatusUnauthorized, code)
		require.Equal(t, theirs, body)
	}
	stranger, err := w.User("stranger", guest)
	require.NoError(t, err)
	foreign := w.through(stranger)
	foreign.CertData, foreign.KeyData = otherCA(t, "stranger", guest)
	code, _, body := send(t, foreign, "GET", "/api/v1/namespaces", nil, nil)
	require.Equal(t, http.StatusUnauthorized, code, "a certificate of another CA")
	require.Equal(t, theirs, body)
}

func TestTheProxyActsForNoAdministratorAndNoNode(t *testing.T) {
	w := newWorld(t)
	for name, groups := range map[string][]string{"root": {"system:masters"}, "system:node:a": {"system:nodes"}, "system:node:b": nil} {
		proxied, _ := w.user(t, name, groups...)
		code, _, body := send(t, proxied, "GET", "/api/v1/namespaces", nil, nil)
		require.Equal(t, http.StatusForbidden, code, body)
		require.Contains(t, body, `"reason":"Forbidden"`)
	}
}

func TestRefusalsAreInTheCallersName(t *testing.T) {
	w := newWorld(t)
	proxied, direct := w.pharma(t)
	for _, request := range []struct{ method, path string }{
		{"GET", "/api/v1/namespaces/pharma-a/pods/absent"},      // 404
		{"GET", "/api/v1/namespaces/rival-a/pods"},              // the API server refuses
		{"GET", "/api/v1/nodes"},                                // no visibility
		{"GET", "/api/v1/persistentvolumeclaims"},               // the whole cluster's
		{"GET", "/apis/apps/v1/namespaces/pharma-a/daemonsets"}, // the proxy has no right to act as the guest for it
		{"GET", "/apis/rbac.authorization.k8s.io/v1/clusterroles/cluster-admin"},
		{"DELETE", "/api/v1/namespaces/pharma-a"},
		{"DELETE", "/api/v1/namespaces"},
		{"GET", "/api/v1/namespaces/pharma-a/status"},
		{"GET", "/api/v1/watch/namespaces"},
		{"GET", "/metrics"},
		{"GET", "/"},
	} {
		code, _, ours := send(t, proxied, request.method, request.path, nil, nil)
		want, _, theirs := send(t, direct, request.method, request.path, nil, nil)
		require.Equal(t, want, code, "%s: %s", request.path, ours)
		require.Equal(t, theirs, ours, request.path)
	}
}

func TestACallerActsAsAnotherByItsOwnRight(t *testing.T) {
	w := newWorld(t)
	w.create(t, &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "acts"}, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"users"}, ResourceNames: []string{"slice-0123456789ab", "clerk"}, Verbs: []string{"impersonate"}},
		{APIGroups: []string{""}, Resources: []string{"groups"}, ResourceNames: []string{guest, "system:masters"}, Verbs: []string{"impersonate"}},
	}})
	w.create(t, &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "acts"}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "acts"},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: "support"}}})
	proxied, _ := w.user(t, "support")
	as := func(user string, groups ...string) *rest.Config {
		config := rest.CopyConfig(proxied)
		config.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: groups}
		return config
	}
	eventually(t, func() bool { return len(listedOrNone(t, as("slice-0123456789ab", guest))) > 0 }, "the API server knows the ClusterRole")
	require.Equal(t, []string{"pharma-a", "pharma-b"}, listed(t, as("slice-0123456789ab", guest), metav1.ListOptions{}), "it sees what the guest sees")
	require.Equal(t, "clerk", who(t, as("clerk")).Username)
	for _, config := range []*rest.Config{as("clerk", "rival"), as("admin"), as("clerk", "system:masters"), as("system:serviceaccount:pharma-a:default")} {
		_, err := clients(t, config).CoreV1().Namespaces().List(t.Context(), metav1.ListOptions{})
		require.True(t, apierrors.IsForbidden(err), "%+v: %v", config.Impersonate, err)
	}
}

func TestCanISaysWhatHoldsThroughTheProxy(t *testing.T) {
	w := newWorld(t)
	proxied, direct := w.pharma(t)
	can := func(config *rest.Config, verb, resource, name string) bool {
		review, err := clients(t, config).AuthorizationV1().SelfSubjectAccessReviews().Create(t.Context(), &authorizationv1.SelfSubjectAccessReview{
			Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: verb, Resource: resource, Name: name}},
		}, metav1.CreateOptions{})
		require.NoError(t, err)
		return review.Status.Allowed
	}
	for _, c := range []struct {
		verb, resource, name string
		direct, proxied      bool
	}{
		{"list", "namespaces", "", false, true}, {"watch", "namespaces", "", false, true}, {"get", "namespaces", "pharma-a", false, true},
		{"get", "namespaces", "rival-a", false, false}, {"get", "namespaces", "not-there", false, false}, {"delete", "namespaces", "pharma-a", false, false},
		{"list", "nodes", "", false, false}, {"list", "secrets", "", false, true}, {"list", "endpoints", "", false, false}, {"*", "*", "", false, false},
	} {
		require.Equal(t, c.direct, can(direct, c.verb, c.resource, c.name), "%+v", c)
		require.Equal(t, c.proxied, can(proxied, c.verb, c.resource, c.name), "%+v", c)
	}
	rules, err := clients(t, proxied).AuthorizationV1().SelfSubjectRulesReviews().Create(t.Context(),
		&authorizationv1.SelfSubjectRulesReview{Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: "pharma-a"}}, metav1.CreateOptions{})
	require.NoError(t, err)
	require.Contains(t, rules.Status.ResourceRules, authorizationv1.ResourceRule{Verbs: []string{"get", "list", "watch"}, APIGroups: []string{""}, Resources: []string{"namespaces"}})
	require.Greater(t, len(rules.Status.ResourceRules), 3, "beside the caller's own")
}

// kubectl auth can-i names the namespace of its context for each kind. The API server answers as if none was named, to one who has the right by a ClusterRole.
func TestANamespaceInAReviewOfAClusterScopedKindDecidesNothing(t *testing.T) {
	w := newWorld(t)
	w.node(t, "reviewed", nil)
	proxied, _ := w.visible(t, "reviewing", v1alpha1.Visibility{Nodes: []v1alpha1.VisibleObjects{{Names: []v1alpha1.VisibleName{"reviewed"}}}})
	other, _ := w.pharma(t)
	_, granted := w.user(t, "granted")
	w.create(t, &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "reviewed"}, Rules: []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"nodes"}, Verbs: []string{"get", "list"}, ResourceNames: []string{"reviewed"}}}})
	w.create(t, &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "reviewed"}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "reviewed"},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: "granted"}}})
	can := func(config *rest.Config, namespace, name string) bool {
		review, err := clients(t, config).AuthorizationV1().SelfSubjectAccessReviews().Create(t.Context(), &authorizationv1.SelfSubjectAccessReview{
			Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: "get", Resource: "nodes", Namespace: namespace, Name: name}},
		}, metav1.CreateOptions{})
		require.NoError(t, err)
		return review.Status.Allowed
	}
	eventually(t, func() bool { return can(granted, "", "reviewed") }, "the API server knows the ClusterRole")
	for _, namespace := range []string{"", "default", "rival-a"} {
		for name, want := range map[string]bool{"reviewed": true, "another": false} {
			require.Equal(t, want, can(granted, namespace, name), "the API server itself: %q %s", namespace, name)
			require.Equal(t, want, can(proxied, namespace, name), "%q %s", namespace, name)
			require.False(t, can(other, namespace, name), "%q %s", namespace, name)
		}
	}
	for _, config := range []*rest.Config{granted, proxied} {
		code, _, _ := send(t, config, "GET", "/api/v1/namespaces/default/nodes/reviewed", nil, nil)
		require.NotEqual(t, http.StatusOK, code, "no client sends this: kubectl leaves the namespace out")
	}
}

func TestImpersonationWithoutTheRightIsRefused(t *testing.T) {
	w := newWorld(t)
	proxied, _ := w.pharma(t)
	for _, header := range []http.Header{{"Impersonate-User": {"system:admin"}}, {"Impersonate-Group": {"system:masters"}}, {"impersonate-uid": {"1"}}, {"Impersonate-Extra-A": {"b"}}} {
		code, _, body := send(t, proxied, "GET", "/api/v1/namespaces", header, nil)
		require.Contains(t, []int{http.StatusForbidden, http.StatusBadRequest}, code) // 400: without a user
		var status metav1.Status
		require.NoError(t, json.Unmarshal([]byte(body), &status))
		require.Equal(t, metav1.StatusFailure, status.Status)
	}
	naive := w.naive(t)
	_, _, body := send(t, naive, "POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", http.Header{"Impersonate-User": {"somebody-else"}, "Content-Type": {"application/json"}},
		strings.NewReader(`{"kind":"SelfSubjectReview","apiVersion":"authentication.k8s.io/v1"}`))
	require.Contains(t, body, "somebody-else", "a naive proxy lets the caller act as any user")
}

func TestTheCallersOwnRightsWork(t *testing.T) {
	w := newWorld(t)
	proxied, _ := w.pharma(t)
	c := clients(t, proxied).CoreV1().ConfigMaps("pharma-a")
	large := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "large"}, Data: map[string]string{"a": strings.Repeat("x", 900<<10)}}
	_, err := c.Create(t.Context(), large, metav1.CreateOptions{})
	require.NoError(t, err)
	got, err := c.Get(t.Context(), "large", metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, large.Data, got.Data)
	require.NoError(t, c.Delete(t.Context(), "large", metav1.DeleteOptions{}))
	_, err = clients(t, proxied).CoreV1().ConfigMaps("rival-a").List(t.Context(), metav1.ListOptions{})
	require.True(t, apierrors.IsForbidden(err))
	require.Contains(t, err.Error(), `User "slice-0123456789ab"`)
	_, _, tooLarge := send(t, proxied, "POST", "/api/v1/namespaces/pharma-a/configmaps", http.Header{"Content-Type": {"application/json"}},
		strings.NewReader(`{"data":{"a":"`+strings.Repeat("x", 4<<20)+`"}}`))
	require.Contains(t, tooLarge, "RequestEntityTooLarge")
}

func TestKubectl(t *testing.T) {
	w := newWorld(t)
	proxied, _ := w.pharma(t)
	file := kubeconfigOf(t, proxied)
	kubectl := func(args ...string) string {
		out, _ := kubectlCommand(t, file, args...).CombinedOutput()
		return string(out)
	}
	require.Equal(t, "namespace/pharma-a\nnamespace/pharma-b\n", kubectl("get", "namespaces", "-o", "name"))
	table := kubectl("get", "namespaces")
	require.Contains(t, table, "NAME")
	require.Contains(t, table, "pharma-b")
	require.NotContains(t, table, "rival")
	require.Contains(t, kubectl("get", "namespace", "pharma-a"), "Active")
	require.Equal(t, "Error from server (NotFound): namespaces \"rival-a\" not found\n", kubectl("get", "namespace", "rival-a"))
	require.Contains(t, kubectl("auth", "can-i", "list", "namespaces"), "\nyes\n")
	require.Contains(t, kubectl("get", "pods"), "No resources found in pharma-a namespace.")
}
