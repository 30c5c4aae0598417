//go:build api

package proxy

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/values/v1alpha1"
)

// visible gives a new guest a GuestPolicy, and returns the connection of its user.
func (w *world) visible(t *testing.T, guest string, v v1alpha1.Visibility) (*rest.Config, *v1alpha1.GuestPolicy) {
	t.Helper()
	policy := &v1alpha1.GuestPolicy{ObjectMeta: metav1.ObjectMeta{Name: guest}, Spec: v1alpha1.GuestPolicySpec{Visibility: &v}}
	w.create(t, policy)
	proxied, _ := w.user(t, "user-of-"+guest, guest)
	eventually(t, func() bool {
		_, err := clients(t, proxied).CoreV1().Namespaces().List(t.Context(), metav1.ListOptions{})
		return err == nil
	}, "the proxy knows the guest")
	return proxied, policy
}

func (w *world) node(t *testing.T, name string, labels map[string]string) {
	t.Helper()
	w.create(t, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}})
}

func nodesSeen(t *testing.T, config *rest.Config, options metav1.ListOptions) []string {
	t.Helper()
	list, err := clients(t, config).CoreV1().Nodes().List(t.Context(), options)
	require.NoError(t, err)
	require.Empty(t, list.Continue)
	require.Nil(t, list.RemainingItemCount)
	names := []string{}
	for i := range list.Items {
		names = append(names, list.Items[i].Name)
	}
	return names
}

func selected(labels map[string]v1alpha1.LabelValue) v1alpha1.VisibleObjects {
	return v1alpha1.VisibleObjects{Selector: &v1alpha1.Selector{MatchLabels: labels}}
}

func TestNodesByNamePatternAndLabel(t *testing.T) {
	w := newWorld(t)
	for name, labels := range map[string]map[string]string{"kinds-1": nil, "kinds-2": {"gpu": "yes"}, "kinds-3": {"gpu": "no"}, "big-kinds-1": nil} {
		w.node(t, name, labels)
	}
	for guest, c := range map[string]struct {
		shown []v1alpha1.VisibleObjects
		want  []string
	}{
		"by-name":    {[]v1alpha1.VisibleObjects{{Names: []v1alpha1.VisibleName{"kinds-1", "kinds-9"}}}, []string{"kinds-1"}},
		"by-pattern": {[]v1alpha1.VisibleObjects{{Pattern: "kinds-.*"}}, []string{"kinds-1", "kinds-2", "kinds-3"}},
		"by-label":   {[]v1alpha1.VisibleObjects{selected(map[string]v1alpha1.LabelValue{"gpu": "yes"})}, []string{"kinds-2"}},
		"by-both": {[]v1alpha1.VisibleObjects{selected(map[string]v1alpha1.LabelValue{"gpu": "yes"}), {Names: []v1alpha1.VisibleName{"big-kinds-1"}}},
			[]string{"big-kinds-1", "kinds-2"}},
	} {
		t.Run(guest, func(t *testing.T) {
			proxied, _ := w.visible(t, guest, v1alpha1.Visibility{Nodes: c.shown})
			require.Equal(t, c.want, nodesSeen(t, proxied, metav1.ListOptions{}))
			require.Subset(t, c.want, nodesSeen(t, proxied, metav1.ListOptions{LabelSelector: "gpu"}), "the caller's selector holds too")
			for _, name := range []string{"kinds-1", "kinds-2", "kinds-3", "big-kinds-1"} {
				node, err := clients(t, proxied).CoreV1().Nodes().Get(t.Context(), name, metav1.GetOptions{})
				if slices.Contains(c.want, name) {
					require.NoError(t, err)
					require.Equal(t, name, node.Name)
					continue
				}
				require.True(t, apierrors.IsNotFound(err), "%v", err)
				_, _, hidden := send(t, proxied, "GET", "/api/v1/nodes/"+name, nil, nil)
				_, _, absent := send(t, w.Config, "GET", "/api/v1/nodes/not-there", nil, nil)
				require.Equal(t, strings.ReplaceAll(absent, "not-there", name), hidden)
			}
			for _, accept := range []string{"application/json", "application/json;as=Table;v=v1;g=meta.k8s.io", "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"} {
				code, _, body := send(t, proxied, "GET", "/api/v1/nodes?limit=1&includeObject=None", http.Header{"Accept": {accept}}, nil)
				require.Equal(t, 200, code)
				for _, name := range []string{"kinds-1", "kinds-2", "kinds-3", "big-kinds-1"} {
					shown := strings.Contains(body, `"`+name+`"`)
					require.False(t, shown && !slices.Contains(c.want, name), "%s shows %s: %s", accept, name, body)
				}
			}
		})
	}
}

// client-go's and controller-runtime's typed clients prefer protobuf, in which filtered lists and watches are not answered, and take JSON as well.
func TestClientsThatPreferProtobufReadFilteredKinds(t *testing.T) {
	w := newWorld(t)
	w.node(t, "preferred-1", map[string]string{"a": "b"})
	w.node(t, "preferred-2", nil)
	proxied, _ := w.visible(t, "preferring", v1alpha1.Visibility{Nodes: []v1alpha1.VisibleObjects{{Pattern: "preferred-1"}}})
	proxied.ContentType = "application/vnd.kubernetes.protobuf"
	require.Equal(t, []string{"preferred-1"}, nodesSeen(t, proxied, metav1.ListOptions{}))
	watch, err := clients(t, proxied).CoreV1().Nodes().Watch(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	require.Equal(t, "preferred-1", (<-watch.ResultChan()).Object.(*corev1.Node).Name)
	watch.Stop()
	c, err := client.New(proxied, client.Options{})
	require.NoError(t, err)
	var list corev1.NodeList
	require.NoError(t, c.List(t.Context(), &list))
	require.Len(t, list.Items, 1)
	var names metav1.PartialObjectMetadataList
	names.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("NodeList"))
	require.NoError(t, c.List(t.Context(), &names))
	require.Len(t, names.Items, 1)
	proxied.AcceptContentTypes = proxied.ContentType
	node, err := clients(t, proxied).CoreV1().Nodes().Get(t.Context(), "preferred-1", metav1.GetOptions{})
	require.NoError(t, err, "one object is protobuf too")
	require.Equal(t, map[string]string{"a": "b"}, node.Labels)
	_, err = clients(t, proxied).CoreV1().Nodes().Get(t.Context(), "preferred-2", metav1.GetOptions{})
	require.True(t, apierrors.IsNotFound(err), "%v", err)
	_, err = clients(t, proxied).CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
	require.True(t, apierrors.IsNotAcceptable(err), "a list is JSON: %v", err)
	own, _ := w.pharma(t)
	for config, path := range map[*rest.Config]string{proxied: "/api/v1/nodes", own: "/api/v1/configmaps"} {
		for _, accept := range []string{"application/vnd.kubernetes.protobuf", "application/cbor", "application/yaml"} {
			for _, query := range []string{"", "?watch=1"} {
				code, _, body := send(t, config, "GET", path+query, http.Header{"Accept": {accept}}, nil)
				require.Equal(t, http.StatusNotAcceptable, code, "%s%s %s: %s", path, query, accept, body)
			}
		}
	}
}

func TestAWatchIsFilteredAndFollowsThePolicy(t *testing.T) {
	w := newWorld(t)
	w.node(t, "watched-1", nil)
	w.node(t, "watched-2", map[string]string{"shared": "yes"})
	w.node(t, "hidden-1", nil)
	proxied, policy := w.visible(t, "watcher", v1alpha1.Visibility{Nodes: []v1alpha1.VisibleObjects{
		{Names: []v1alpha1.VisibleName{"watched-1"}}, selected(map[string]v1alpha1.LabelValue{"shared": "yes"}),
	}})
	factory := informers.NewSharedInformerFactory(clients(t, proxied), 0)
	informer := factory.Core().V1().Nodes().Informer()
	events := make(chan string, 100)
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { events <- "added " + nameOf(o) },
		DeleteFunc: func(o any) { events <- "deleted " + nameOf(o) },
	})
	require.NoError(t, err)
	stop := make(chan struct{})
	factory.Start(stop)
	defer factory.Shutdown()
	defer close(stop)
	require.ElementsMatch(t, []string{"added watched-1", "added watched-2"}, []string{next(t, events), next(t, events)})
	label := func(value string) {
		_, err := w.Clients.CoreV1().Nodes().Patch(t.Context(), "hidden-1", "application/merge-patch+json", []byte(`{"metadata":{"labels":{"shared":"`+value+`"}}}`), metav1.PatchOptions{})
		require.NoError(t, err)
	}
	label("yes")
	require.Equal(t, "added hidden-1", next(t, events))
	label("no")
	require.Equal(t, "deleted hidden-1", next(t, events))
	label("yes")
	require.Equal(t, "added hidden-1", next(t, events))
	policy.Spec.Visibility.Nodes = policy.Spec.Visibility.Nodes[:1]
	require.NoError(t, w.Client.Update(t.Context(), policy))
	require.ElementsMatch(t, []string{"deleted hidden-1", "deleted watched-2"}, []string{next(t, events), next(t, events)}, "the watch ends, and its client lists again")
}

func nameOf(o any) string {
	if last, is := o.(cache.DeletedFinalStateUnknown); is {
		o = last.Obj
	}
	return o.(*corev1.Node).Name
}

func TestClassesAndAnyUserThatThePolicyNames(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"fast", "slow"} {
		w.create(t, &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: name}, Provisioner: "example.org/disk"})
	}
	w.visible(t, "classy", v1alpha1.Visibility{
		StorageClasses: []v1alpha1.VisibleObjects{{Names: []v1alpha1.VisibleName{"fast"}}},
		Subjects:       []v1alpha1.Subject{{Kind: "User", Name: "dashboard"}},
	})
	proxied, _ := w.user(t, "dashboard", "ordinary")
	list, err := clients(t, proxied).StorageV1().StorageClasses().List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	require.Len(t, list.Items, 1)
	require.Equal(t, "fast", list.Items[0].Name)
	_, err = clients(t, proxied).NetworkingV1().IngressClasses().List(t.Context(), metav1.ListOptions{})
	require.True(t, apierrors.IsForbidden(err), "a kind that the policy does not name is the API server's to refuse: %v", err)
	require.Contains(t, err.Error(), `User "dashboard"`)
}

func TestAKindThatTheRolesDoNotNameIsNotShown(t *testing.T) {
	w := newWorld(t)
	proxied, _ := w.visible(t, "curious", v1alpha1.Visibility{Resources: []v1alpha1.VisibleResource{
		{Resource: "secrets", Objects: []v1alpha1.VisibleObjects{{Selector: &v1alpha1.Selector{}}}},
	}})
	code, _, body := send(t, proxied, "GET", "/api/v1/secrets", nil, nil)
	require.Equal(t, http.StatusServiceUnavailable, code, body)
	require.NotContains(t, body, "data-space-proxy\\\"", "the answer does not name the proxy's identity")
}
