//go:build api

package proxy

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
)

func TestAListOfAllNamespacesIsThatOfTheCallersOwn(t *testing.T) {
	w := newWorld(t)
	for _, namespace := range []string{"pharma-a", "pharma-b", "rival-a", "liqo-tenant-pharma"} {
		w.create(t, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "everywhere", Labels: map[string]string{"of": namespace}}})
	}
	proxied, direct := w.pharma(t)
	_, err := clients(t, direct).CoreV1().ConfigMaps("").List(t.Context(), metav1.ListOptions{})
	require.True(t, apierrors.IsForbidden(err))
	found := func(options metav1.ListOptions) []string {
		list, err := clients(t, proxied).CoreV1().ConfigMaps("").List(t.Context(), options)
		require.NoError(t, err)
		require.Empty(t, list.Continue)
		names := []string{}
		for i := range list.Items {
			if list.Items[i].Name == "everywhere" {
				names = append(names, list.Items[i].Namespace)
			}
		}
		return names
	}
	require.Equal(t, []string{"pharma-a", "pharma-b"}, found(metav1.ListOptions{Limit: 1}))
	require.Equal(t, []string{"pharma-b"}, found(metav1.ListOptions{LabelSelector: "of=pharma-b"}))
	require.Empty(t, found(metav1.ListOptions{LabelSelector: "of=rival-a"}))
	code, _, body := send(t, proxied, "GET", "/api/v1/configmaps", http.Header{"Accept": {"application/json;as=Table;v=v1;g=meta.k8s.io"}}, nil)
	require.Equal(t, http.StatusOK, code)
	var table metav1.Table
	require.NoError(t, json.Unmarshal([]byte(body), &table))
	require.GreaterOrEqual(t, len(table.Rows), 2)
	require.NotEmpty(t, table.ColumnDefinitions)
	require.NotContains(t, body, `"namespace":"rival-a"`)
	code, _, _ = send(t, proxied, "GET", "/api/v1/configmaps?continue=x", nil, nil)
	require.Equal(t, http.StatusGone, code)
	for _, path := range []string{"/api/v1/configmaps?fieldSelector=nonsense%3D1", "/api/v1/configmaps?fieldSelector=nonsense%3D1&watch=1", "/api/v1/configmaps?labelSelector=)"} {
		code, _, body = send(t, proxied, "GET", path, nil, nil)
		want, _, theirs := send(t, w.Config, "GET", path, nil, nil)
		require.Equal(t, http.StatusBadRequest, want, theirs)
		require.Equal(t, want, code, "the API server's own answer about an invalid selector: %s", body)
	}
	for _, path := range []string{"/apis/storage.k8s.io/v1/csidrivers", "/apis/storage.k8s.io/v1/csidrivers?watch=1", "/apis/apps/v1/deployments?watch=1", "/apis/apps/v1/deployments", "/api/v1/persistentvolumeclaims"} {
		code, _, ours := send(t, proxied, "GET", path, nil, nil)
		want, _, theirs := send(t, direct, "GET", path, nil, nil)
		require.Equal(t, want, code, path)
		require.Equal(t, theirs, ours, "nothing to merge: the refusal stands")
	}
}

// configMap makes an object of a namespace until the test's end.
func (w *world) configMap(t *testing.T, namespace, name string) *corev1.ConfigMap {
	t.Helper()
	made := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{"all": "yes"}}}
	w.create(t, made)
	return made
}

func TestAnInformerOfAllNamespacesFollowsTheCallersOwn(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"follows-a", "follows-b"} {
		w.create(t, named(name, "followers"))
		require.NoError(t, w.bind(t.Context(), name, "followers"))
		w.configMap(t, name, "first")
	}
	w.create(t, named("not-theirs", ""))
	w.configMap(t, "not-theirs", "hidden")
	proxied, direct := w.user(t, "follower", "followers")
	_, err := clients(t, direct).CoreV1().ConfigMaps("").Watch(t.Context(), metav1.ListOptions{})
	require.True(t, apierrors.IsForbidden(err), "%v", err)
	eventually(t, func() bool { return len(listedOrNone(t, proxied)) == 2 }, "the proxy knows the guest")
	events := make(chan string, 100)
	name := func(o any) string {
		if last, is := o.(cache.DeletedFinalStateUnknown); is {
			o = last.Obj
		}
		return o.(*corev1.ConfigMap).Namespace + "/" + o.(*corev1.ConfigMap).Name
	}
	factory := informers.NewSharedInformerFactoryWithOptions(clients(t, proxied), 0, informers.WithTweakListOptions(func(o *metav1.ListOptions) { o.LabelSelector = "all" }))
	_, err = factory.Core().V1().ConfigMaps().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: func(o any) { events <- "added " + name(o) }, DeleteFunc: func(o any) { events <- "deleted " + name(o) },
	})
	require.NoError(t, err)
	stop := make(chan struct{})
	factory.Start(stop)
	defer factory.Shutdown()
	defer close(stop)
	require.ElementsMatch(t, []string{"added follows-a/first", "added follows-b/first"}, []string{next(t, events), next(t, events)})
	second := w.configMap(t, "follows-b", "second")
	require.Equal(t, "added follows-b/second", next(t, events))
	require.NoError(t, w.Client.Delete(t.Context(), second))
	require.Equal(t, "deleted follows-b/second", next(t, events))

	w.create(t, named("joins-later", "")) // its rights come after its label
	w.configMap(t, "joins-later", "older")
	w.label(t, "joins-later", "followers")
	require.NoError(t, w.bind(t.Context(), "joins-later", "followers"))
	require.Equal(t, "added joins-later/older", next(t, events))
	w.label(t, "joins-later", "elsewhere")
	require.Equal(t, "deleted joins-later/older", next(t, events), "the watch ends, and its client lists again")
	w.configMap(t, "joins-later", "of-others")
	w.configMap(t, "follows-a", "last")
	require.Equal(t, "added follows-a/last", next(t, events), "nothing of what has left")
}

func TestAWatchOfAllNamespacesBeginsWhereTheirListWas(t *testing.T) {
	w := newWorld(t)
	proxied, _ := w.pharma(t)
	c := clients(t, proxied).CoreV1().ConfigMaps("")
	list, err := c.List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	missed := w.configMap(t, "pharma-b", "missed-nothing")
	seen, err := c.Watch(t.Context(), metav1.ListOptions{ResourceVersion: list.ResourceVersion, LabelSelector: "all"})
	require.NoError(t, err)
	require.Equal(t, missed.Name, (<-seen.ResultChan()).Object.(*corev1.ConfigMap).Name)
	seen.Stop()
	_, err = c.Watch(t.Context(), metav1.ListOptions{ResourceVersion: missed.ResourceVersion})
	require.True(t, apierrors.IsResourceExpired(err), "at an object's version another namespace's event may be missing: %v", err)
	w.create(t, named("pharma-joins", guest))
	require.NoError(t, w.bind(t.Context(), "pharma-joins", guest))
	defer w.label(t, "pharma-joins", "elsewhere") // no controller deletes namespaces here
	eventually(t, func() bool {
		seen, err := c.Watch(t.Context(), metav1.ListOptions{ResourceVersion: list.ResourceVersion})
		if err == nil {
			seen.Stop()
		}
		return apierrors.IsResourceExpired(err)
	}, "the list was of other namespaces")
	code, _, body := send(t, proxied, "GET", "/api/v1/configmaps?watch=1&timeoutSeconds=5", http.Header{"Accept": {"application/json;as=Table;v=v1;g=meta.k8s.io"}}, nil)
	require.Equal(t, http.StatusOK, code)
	require.Contains(t, body, `"kind":"Table"`)
	require.NotContains(t, body, `"namespace":"rival-a"`)
	for line := range strings.Lines(body) {
		require.True(t, json.Valid([]byte(line)), "each event is whole: %s", line)
	}
	for _, a := range []struct {
		verb, group, resource string
		want                  bool
	}{{"list", "", "configmaps", true}, {"watch", "", "configmaps", true}, {"list", "apps", "deployments", false}, {"list", "storage.k8s.io", "csidrivers", false}, {"delete", "", "configmaps", false}} {
		review, err := clients(t, proxied).AuthorizationV1().SelfSubjectAccessReviews().Create(t.Context(), &authorizationv1.SelfSubjectAccessReview{
			Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: a.verb, Group: a.group, Resource: a.resource}},
		}, metav1.CreateOptions{})
		require.NoError(t, err)
		require.Equal(t, a.want, review.Status.Allowed, "%+v", a)
	}
}

func TestTheVerdictOfAWatchOfAllNamespacesIsLoggedWhenItsClientLeaves(t *testing.T) {
	w := newWorld(t)
	second, stop := w.another(t)
	defer stop()
	proxied, _ := second.pharma(t)
	seen, err := clients(t, proxied).CoreV1().ConfigMaps("").Watch(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	seen.Stop()
	var logged string
	eventually(t, func() bool {
		for line := range strings.Lines(second.output.String()) {
			if strings.Contains(line, `"verb":"watch","kind":"configmaps"`) {
				logged = line
			}
		}
		return logged != ""
	}, "the watch is logged at its end")
	require.Contains(t, logged, `"verdict":"merge"`)
}
