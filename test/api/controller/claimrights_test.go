//go:build api

package controller

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// warned collects the warnings of answers.
type warned struct {
	mu   sync.Mutex
	text []string
}

func (w *warned) HandleWarningHeaderWithContext(_ context.Context, _ int, _ string, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text = append(w.text, text)
}

// as is a client of a user in groups, with rights of its own by a ClusterRole.
func (w *world) as(t *testing.T, user string, rules []rbacv1.PolicyRule, groups ...string) (client.Client, *warned) {
	t.Helper()
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}, Rules: rules}
	require.NoError(t, w.client.Create(t.Context(), role))
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: role.Name}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
	}
	require.NoError(t, w.client.Create(t.Context(), binding))
	t.Cleanup(func() {
		require.NoError(t, w.client.Delete(context.Background(), binding))
		require.NoError(t, w.client.Delete(context.Background(), role))
	})
	config := rest.CopyConfig(w.Config)
	config.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: append([]string{"system:authenticated"}, groups...)}
	heard := &warned{}
	config.WarningHandlerWithContext = heard
	c, err := client.New(config, client.Options{})
	require.NoError(t, err)
	return c, heard
}

func TestMarksAndReleasesAreTheHospitals(t *testing.T) {
	w := newWorld(t)
	ns, own := w.namespace(t, foreign("data-space.liqo.io/guest", "pharma")), w.namespace(t, map[string]string{"a": "b"})
	namespaces := rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"namespaces"}, Verbs: []string{"*"}}
	all := rbacv1.PolicyRule{APIGroups: []string{"*"}, Resources: []string{"*"}, Verbs: []string{"*"}}
	release := rbacv1.PolicyRule{APIGroups: []string{"data-space.liqo.io"}, Resources: []string{"guestpolicies"}, ResourceNames: []string{"pharma"}, Verbs: []string{"release"}}
	admin, heard := w.as(t, "admin", []rbacv1.PolicyRule{all})
	operator, _ := w.as(t, "operator", []rbacv1.PolicyRule{namespaces})
	releaser, _ := w.as(t, "releaser", []rbacv1.PolicyRule{namespaces, release})
	guest, _ := w.as(t, "pharma-slice", []rbacv1.PolicyRule{all}, "pharma")
	liqo, _ := w.as(t, "system:serviceaccount:liqo:liqo-controller-manager", []rbacv1.PolicyRule{all}, "system:serviceaccounts:liqo")
	annotate := func(from string) string {
		return fmt.Sprintf(`{"metadata":{"annotations":{"data-space.liqo.io/released-from":%s}}}`, from)
	}
	mark := func(value string) string {
		return fmt.Sprintf(`{"metadata":{"labels":{"data-space.liqo.io/guest":%s}}}`, value)
	}
	probes := 0
	eventually(t, "the policy is in force", func() bool {
		probes++ // a patch that changes nothing is admitted
		return w.patch(t, operator, own, mark(fmt.Sprintf("%q", fmt.Sprint("probe-", probes)))) != nil
	})
	require.NoError(t, w.patch(t, w.client, own, mark("null")))
	attempts := []struct {
		by          client.Client
		space, text string
		refusal     string
	}{
		{guest, ns, annotate(`"pharma"`), "the Hospital's to decide"}, {guest, ns, mark("null"), "the Hospital's to decide"}, {guest, own, mark(`"pharma"`), "Hospital's to decide|only data-space-controller"},
		{liqo, ns, annotate(`"pharma"`), "the Hospital's to decide"}, {liqo, ns, mark("null"), "the Hospital's to decide"}, {liqo, own, mark(`"pharma"`), "the Hospital's to decide"},
		{operator, ns, annotate(`"pharma"`), `you need the verb "release"`}, {operator, ns, mark("null"), "only data-space-controller writes"},
		{admin, ns, mark("null"), "set the annotation data-space.liqo.io/released-from"}, {admin, ns, mark(`"rival"`), "only data-space-controller writes"},
		{admin, own, mark(`"pharma"`), "only data-space-controller writes"}, {releaser, ns, annotate(`"rival"`), `you need the verb "release"`},
	}
	for _, c := range attempts {
		err := w.patch(t, c.by, c.space, c.text)
		require.Error(t, err, c.text)
		require.Regexp(t, c.refusal, err.Error(), c.text)
	}
	require.NoError(t, w.patch(t, releaser, ns, annotate(`"pharma"`)))
	require.NoError(t, w.patch(t, admin, ns, annotate("null")), "taken back, before the controller has seen it")
	require.NoError(t, w.patch(t, operator, ns, `{"metadata":{"labels":{"c":"d"}}}`), "other labels may be changed as before")
	restored := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-", Labels: foreign("data-space.liqo.io/guest", "pharma")}}
	require.NoError(t, operator.Create(t.Context(), restored), "by a backup")
	t.Cleanup(func() { require.NoError(t, w.client.Delete(context.Background(), restored)) })
	forged := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-", Labels: map[string]string{"data-space.liqo.io/guest": "pharma"}}}
	require.ErrorContains(t, guest.Create(t.Context(), forged), "the Hospital's to decide")

	require.NoError(t, w.patch(t, admin, ns, `{"metadata":{"labels":{"liqo.io/remote-cluster-id":null}}}`))
	w.withoutBinding(t, "data-space-marks", func(t *testing.T) {
		for _, c := range attempts {
			fresh := w.namespace(t, w.space(t, c.space).Labels)
			eventually(t, "without the policy it works: "+c.text, func() bool { return w.patch(t, c.by, fresh, c.text) == nil })
		}
	})
	heard.mu.Lock()
	defer heard.mu.Unlock()
	require.True(t, slices.ContainsFunc(heard.text, func(text string) bool {
		return containsAll(text, "stays the guest's", "released-from")
	}), "%q", heard.text)
}

// TestAStolenTokenOfTheControllerFreesNoNamespace: the controller's own rights, and what its policies leave of them.
func TestAStolenTokenOfTheControllerFreesNoNamespace(t *testing.T) {
	w := newWorld(t)
	ns, tenant := w.namespace(t, foreign("data-space.liqo.io/guest", "pharma")), w.namespace(t, foreign("liqo.io/tenant-namespace", "true"))
	config, err := clientcmd.BuildConfigFromFlags("", w.kubeconfig(t))
	require.NoError(t, err)
	own, err := client.New(config, client.Options{})
	require.NoError(t, err)
	eventually(t, "the policy is in force", func() bool { return w.patch(t, own, ns, `{"metadata":{"labels":{"x":"y"}}}`) != nil })
	attempts := map[string]string{
		`{"metadata":{"labels":{"data-space.liqo.io/guest":null}}}`:                                                             "removes the label data-space.liqo.io/guest only from",
		`{"metadata":{"labels":{"data-space.liqo.io/guest":"rival"}}}`:                                                          "removes the label data-space.liqo.io/guest only from",
		`{"metadata":{"labels":{"liqo.io/remote-cluster-id":null}}}`:                                                            "writes of Liqo's label only",
		`{"metadata":{"labels":{"liqo.io/remote-cluster-id":"rival"}}}`:                                                         "writes of Liqo's label only",
		`{"metadata":{"labels":{"liqo.io/tenant-namespace":"true"}}}`:                                                           "removes the label liqo.io/tenant-namespace from a marked",
		`{"metadata":{"annotations":{"data-space.liqo.io/released-from":"pharma"}}}`:                                            "releases no namespace",
		`{"metadata":{"labels":{"data-space.liqo.io/guest":null},"annotations":{"data-space.liqo.io/released-from":"pharma"}}}`: "removes the label|releases no namespace",
	}
	for text, refusal := range attempts {
		err := w.patch(t, own, ns, text)
		require.Error(t, err, text)
		require.Regexp(t, refusal, err.Error(), text)
	}
	for _, text := range []string{`{"liqo.io/remote-cluster-id":null}`, `{"liqo.io/tenant-namespace":null}`, `{"liqo.io/tenant-namespace":"false"}`} {
		require.Error(t, w.patch(t, own, tenant, `{"metadata":{"labels":`+text+`}}`), "not marked: %s", text)
	}
	w.withoutBinding(t, "data-space-controller-namespaces", func(t *testing.T) {
		for text := range attempts {
			fresh := w.namespace(t, w.space(t, ns).Labels)
			eventually(t, "without the policy it works: "+text, func() bool { return w.patch(t, own, fresh, text) == nil })
		}
	})
}

// withoutBinding runs a control while a policy of the manifest is not in force.
func (w *world) withoutBinding(t *testing.T, policy string, control func(*testing.T)) {
	t.Helper()
	binding := &admissionregistrationv1.ValidatingAdmissionPolicyBinding{ObjectMeta: metav1.ObjectMeta{Name: policy}}
	require.NoError(t, w.client.Get(t.Context(), client.ObjectKeyFromObject(binding), binding))
	require.NoError(t, w.client.Delete(t.Context(), binding))
	t.Run("without "+policy, control)
	binding.ResourceVersion = ""
	require.NoError(t, w.client.Create(t.Context(), binding))
}

func containsAll(text string, parts ...string) bool {
	return !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(text, part) })
}
