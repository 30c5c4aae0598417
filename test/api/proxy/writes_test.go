//go:build api

package proxy

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	corev1apply "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"

	"data-space.liqo.io/pkg/decisions/window"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/v1alpha1"
)

// grantWrites gives the proxy what a Hospital gives it that grants Update and Delete.
func (w *world) grantWrites(t *testing.T) {
	t.Helper()
	w.create(t, &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "proxy-writes"}, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"nodes"}, Verbs: []string{"update", "patch", "delete"}},
		{APIGroups: []string{"storage.k8s.io"}, Resources: []string{"storageclasses"}, Verbs: []string{"update", "patch", "delete"}},
	}})
	w.create(t, &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "proxy-writes"},
		RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "proxy-writes"},
		Subjects: []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: apis.SystemNamespace, Name: "data-space-proxy"}}})
}

// grant are objects, and what may be done with them beside listing them.
func grant(objects v1alpha1.VisibleObjects, operations ...v1alpha1.VisibleOperation) []v1alpha1.VisibleObjects {
	objects.Operations = append([]v1alpha1.VisibleOperation{v1alpha1.OperationList}, operations...)
	return []v1alpha1.VisibleObjects{objects}
}

// forms are the ways to change a node by one request: each returns the body that sets a label to a value, and the request's form.
func forms(t *testing.T, node *corev1.Node, key, value string) map[string]struct{ method, form, body string } {
	t.Helper()
	node = node.DeepCopy()
	node.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Node"}
	node.ResourceVersion = ""
	node.Labels[key] = value
	encoded := func(form string) string {
		info, _ := runtime.SerializerInfoForMediaType(scheme.Codecs.SupportedMediaTypes(), form)
		raw, err := runtime.Encode(scheme.Codecs.EncoderForVersion(info.Serializer, corev1.SchemeGroupVersion), node)
		require.NoError(t, err)
		return string(raw)
	}
	label := fmt.Sprintf(`{"metadata":{"labels":{%q:%q}}}`, key, value)
	return map[string]struct{ method, form, body string }{
		"merge": {"PATCH", "application/merge-patch+json", label}, "strategic": {"PATCH", "application/strategic-merge-patch+json; charset=utf-8", label},
		"json":  {"PATCH", "application/json-patch+json", fmt.Sprintf(`[{"op":"add","path":"/metadata/labels/%s","value":%q}]`, key, value)},
		"apply": {"PATCH", "application/apply-patch+yaml", fmt.Sprintf("apiVersion: v1\nkind: Node\nmetadata:\n  name: %s\n  labels: {%s: %q}\n", node.Name, key, value)},
		"put":   {"PUT", "application/json", encoded("application/json")}, "put yaml": {"PUT", "application/yaml", encoded("application/yaml")},
		"put protobuf": {"PUT", "application/vnd.kubernetes.protobuf", encoded("application/vnd.kubernetes.protobuf")},
	}
}

func changeNode(t *testing.T, config *rest.Config, name, query string, f struct{ method, form, body string }) (int, string) {
	t.Helper()
	if strings.Contains(f.form, "apply") {
		query += "&force=true"
	}
	code, _, body := send(t, config, f.method, "/api/v1/nodes/"+name+"?fieldManager=guest"+query, http.Header{"Content-Type": {f.form}}, strings.NewReader(f.body))
	return code, body
}

func TestAChangeIsMadeWhereThePolicyGrantsIt(t *testing.T) {
	w := newWorld(t)
	w.grantWrites(t)
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "written", Labels: map[string]string{"pool": "writers"}}}
	w.create(t, node)
	proxied, _ := w.visible(t, "writer", v1alpha1.Visibility{Nodes: grant(selected(map[string]v1alpha1.LabelValue{"pool": "writers"}), v1alpha1.OperationUpdate)})
	for name := range forms(t, node, "a", "b") {
		now, err := w.Clients.CoreV1().Nodes().Get(t.Context(), node.Name, metav1.GetOptions{})
		require.NoError(t, err)
		value := strings.ReplaceAll(name, " ", "-")
		code, body := changeNode(t, proxied, node.Name, "", forms(t, now, "by", value)[name])
		require.Equal(t, http.StatusOK, code, "%s: %s", name, body)
		require.Contains(t, body, `"by":"`+value+`"`, name)
		now, err = w.Clients.CoreV1().Nodes().Get(t.Context(), node.Name, metav1.GetOptions{})
		require.NoError(t, err)
		require.Equal(t, value, now.Labels["by"], name)
		require.Contains(t, fmt.Sprint(now.ManagedFields), "guest", "the caller's field manager")

		code, body = changeNode(t, proxied, node.Name, "&dryRun=All", forms(t, now, "by", "dry")[name])
		require.Equal(t, http.StatusOK, code, "%s: %s", name, body)
		code, body = changeNode(t, proxied, node.Name, "", forms(t, now, "pool", "elsewhere")[name])
		require.Equal(t, http.StatusForbidden, code, "%s takes the node out of the selector: %s", name, body)
		require.Contains(t, body, `User \"user-of-writer\" cannot`)
		after, err := w.Clients.CoreV1().Nodes().Get(t.Context(), node.Name, metav1.GetOptions{})
		require.NoError(t, err)
		require.Equal(t, now.ResourceVersion, after.ResourceVersion, name)
	}
	typed := clients(t, proxied).CoreV1().Nodes()
	_, err := typed.Apply(t.Context(), corev1apply.Node(node.Name).WithLabels(map[string]string{"typed": "yes"}), metav1.ApplyOptions{FieldManager: "typed", Force: true})
	require.NoError(t, err)
	stale, err := typed.Get(t.Context(), node.Name, metav1.GetOptions{})
	require.NoError(t, err)
	stale.Labels["typed"] = "again"
	_, err = typed.Update(t.Context(), stale, metav1.UpdateOptions{})
	require.NoError(t, err)
	_, err = typed.Update(t.Context(), stale, metav1.UpdateOptions{})
	require.True(t, apierrors.IsConflict(err), "%v", err)
}

func TestWhatNoGrantLetsACallerChange(t *testing.T) {
	w := newWorld(t)
	w.grantWrites(t)
	w.node(t, "granted", map[string]string{"pool": "bypass"})
	w.node(t, "only-seen", map[string]string{"pool": "seen"})
	w.node(t, "hidden", nil)
	proxied, _ := w.visible(t, "bypass", v1alpha1.Visibility{Nodes: append(
		grant(selected(map[string]v1alpha1.LabelValue{"pool": "bypass"}), v1alpha1.OperationUpdate), selected(map[string]v1alpha1.LabelValue{"pool": "seen"}))})
	direct, err := w.User("user-of-bypass", "bypass")
	require.NoError(t, err)
	merge := `{"metadata":{"annotations":{"a":"b"}}}`
	for name, c := range map[string]struct{ method, path, form, body string }{
		"an object that is only seen": {"PATCH", "/api/v1/nodes/only-seen", "application/merge-patch+json", merge},
		"a hidden object":             {"PATCH", "/api/v1/nodes/hidden", "application/merge-patch+json", merge},
		"an absent object":            {"PATCH", "/api/v1/nodes/absent", "application/merge-patch+json", merge},
		"an absent object, by apply":  {"PATCH", "/api/v1/nodes/absent?fieldManager=a", "application/apply-patch+yaml", "apiVersion: v1\nkind: Node\nmetadata: {name: absent, labels: {pool: bypass}}"},
		"an absent object, by put":    {"PUT", "/api/v1/nodes/absent", "application/json", `{"kind":"Node","apiVersion":"v1","metadata":{"name":"absent","labels":{"pool":"bypass"}}}`},
		"a new object":                {"POST", "/api/v1/nodes", "application/json", `{"kind":"Node","apiVersion":"v1","metadata":{"name":"new","labels":{"pool":"bypass"}}}`},
		"a deletion":                  {"DELETE", "/api/v1/nodes/granted", "", ""},
		"a deletion of all":           {"DELETE", "/api/v1/nodes?labelSelector=pool%3Dbypass", "", ""},
		"a deletion by one name":      {"DELETE", "/api/v1/nodes?fieldSelector=metadata.name%3Dgranted", "", ""},
		"a subresource":               {"PATCH", "/api/v1/nodes/granted/status", "application/merge-patch+json", `{"status":{"capacity":{"cpu":"1"}}}`},
		"an owner":                    {"PATCH", "/api/v1/nodes/granted", "application/merge-patch+json", `{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"Node","name":"gone","uid":"1"}]}}`},
		"a finalizer":                 {"PATCH", "/api/v1/nodes/granted", "application/merge-patch+json", `{"metadata":{"finalizers":["example.org/hold"]}}`},
		"no label":                    {"PATCH", "/api/v1/nodes/granted", "application/json-patch+json", `[{"op":"remove","path":"/metadata/labels"}]`},
		"all labels replaced":         {"PATCH", "/api/v1/nodes/granted", "application/strategic-merge-patch+json", `{"metadata":{"labels":{"$patch":"replace","a":"b"}}}`},
		"a second metadata":           {"PATCH", "/api/v1/nodes/granted", "application/merge-patch+json", `{"metadata":{"labels":{"pool":"bypass"}},"metadata":{"labels":{"pool":"x"}}}`},
		"a watch's path":              {"PATCH", "/api/v1/watch/nodes/granted", "application/merge-patch+json", merge},
	} {
		before, err := w.Clients.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
		require.NoError(t, err)
		code, _, ours := send(t, proxied, c.method, c.path, http.Header{"Content-Type": {c.form}}, strings.NewReader(c.body))
		want, _, theirs := send(t, direct, c.method, c.path, http.Header{"Content-Type": {c.form}}, strings.NewReader(c.body))
		require.Equal(t, want, code, "%s: %s", name, ours)
		require.Equal(t, theirs, ours, "%s: the refusal is the API server's own, in the caller's name", name)
		after, err := w.Clients.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
		require.NoError(t, err)
		require.Equal(t, versions(before), versions(after), name)
	}
	for name, c := range map[string]struct {
		form, body string
		want       int
	}{
		"another name":              {"application/merge-patch+json", `{"metadata":{"name":"only-seen"}}`, http.StatusBadRequest},
		"another name, json":        {"application/json-patch+json", `[{"op":"replace","path":"/metadata/name","value":"only-seen"}]`, http.StatusBadRequest},
		"the whole document":        {"application/json-patch+json", `[{"op":"replace","path":"","value":{}}]`, http.StatusBadRequest},
		"no metadata":               {"application/strategic-merge-patch+json", `{"metadata":{"$patch":"delete"}}`, http.StatusBadRequest},
		"a stale version":           {"application/merge-patch+json", `{"metadata":{"resourceVersion":"1","annotations":{"a":"b"}}}`, http.StatusConflict},
		"a form that is not read":   {"application/apply-patch+cbor", "x", http.StatusUnsupportedMediaType},
		"a body that is not JSON":   {"application/merge-patch+json", `{"metadata":`, http.StatusBadRequest},
		"a body that is not a list": {"application/json-patch+json", `{}`, http.StatusBadRequest},
		"a large body":              {"application/merge-patch+json", `{"metadata":{"annotations":{"a":"` + strings.Repeat("x", 2<<20) + `"}}}`, http.StatusRequestEntityTooLarge},
	} {
		code, _, body := send(t, proxied, "PATCH", "/api/v1/nodes/granted", http.Header{"Content-Type": {c.form}}, strings.NewReader(c.body))
		require.Equal(t, c.want, code, "%s: %s", name, body)
	}
}

func versions(list *corev1.NodeList) map[string]string {
	all := map[string]string{}
	for i := range list.Items {
		all[list.Items[i].Name] = list.Items[i].ResourceVersion
	}
	return all
}

// TestTheAPIServerHoldsTheConditionOfEachForm shows that a write whose object another one has changed since it was judged is refused, and
// that the same body without the condition is not.
func TestTheAPIServerHoldsTheConditionOfEachForm(t *testing.T) {
	w := newWorld(t)
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "conditional", Labels: map[string]string{"pool": "x"}}}
	w.create(t, node)
	for name := range forms(t, node, "a", "b") {
		judged, err := w.Clients.CoreV1().Nodes().Get(t.Context(), node.Name, metav1.GetOptions{})
		require.NoError(t, err)
		f := forms(t, judged, "by", strings.ReplaceAll(name, " ", "-"))[name]
		body, form, err := window.Conditional(f.form, []byte(f.body), judged.ObjectMeta)
		require.NoError(t, err)
		_, err = w.Clients.CoreV1().Nodes().Patch(t.Context(), node.Name, types.MergePatchType, []byte(`{"metadata":{"annotations":{"now":"`+f.form+name+`"}}}`), metav1.PatchOptions{})
		require.NoError(t, err)
		code, answer := changeNode(t, w.Config, node.Name, "", struct{ method, form, body string }{f.method, form, string(body)})
		require.Contains(t, []int{http.StatusConflict, http.StatusUnprocessableEntity}, code, "%s: %s", name, answer)
		code, answer = changeNode(t, w.Config, node.Name, "", f)
		require.Equal(t, http.StatusOK, code, "%s without the condition: %s", name, answer)
	}
}

func TestTwoWritersAtOnce(t *testing.T) {
	w := newWorld(t)
	w.grantWrites(t)
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "raced", Labels: map[string]string{"pool": "racers"}}}
	w.create(t, node)
	proxied, _ := w.visible(t, "racer", v1alpha1.Visibility{Nodes: grant(selected(map[string]v1alpha1.LabelValue{"pool": "racers"}), v1alpha1.OperationUpdate)})
	seen, err := w.Clients.CoreV1().Nodes().Watch(t.Context(), metav1.ListOptions{FieldSelector: "metadata.name=raced", ResourceVersion: node.ResourceVersion})
	require.NoError(t, err)
	ctx, stop := context.WithTimeout(t.Context(), waitLong)
	defer stop()
	var took atomic.Int64 // by the guest's last change, however busy the machine is
	go func() {
		for i := 0; ctx.Err() == nil; i++ {
			time.Sleep(time.Duration(rand.Int64N(took.Load() + 1))) // so that some changes of the guest's come between two
			patch := fmt.Sprintf(`{"metadata":{"labels":{"pool":%q}}}`, []string{"others", "racers"}[i%2])
			_, _ = w.Clients.CoreV1().Nodes().Patch(ctx, "raced", types.MergePatchType, []byte(patch), metav1.PatchOptions{})
		}
	}()
	unlimited := rest.CopyConfig(proxied)
	unlimited.QPS = -1
	made := 0
	for began, i := time.Now(), 0; ctx.Err() == nil && (made == 0 || time.Since(began) < 3*time.Second); i++ {
		patch, sent := fmt.Sprintf(`{"metadata":{"annotations":{"by-guest":"%d"}}}`, i), time.Now()
		if _, err := clients(t, unlimited).CoreV1().Nodes().Patch(ctx, "raced", types.MergePatchType, []byte(patch), metav1.PatchOptions{}); err == nil {
			made++
		}
		took.Store(int64(time.Since(sent)))
	}
	stop()
	_, err = w.Clients.CoreV1().Nodes().Patch(t.Context(), "raced", types.MergePatchType, []byte(`{"metadata":{"annotations":{"last":"x"}}}`), metav1.PatchOptions{})
	require.NoError(t, err)
	before, changes := node, 0
	for before.Annotations["last"] == "" {
		now := (<-seen.ResultChan()).Object.(*corev1.Node)
		if now.Annotations["by-guest"] != before.Annotations["by-guest"] {
			changes++
			require.Equal(t, "racers", before.Labels["pool"], "the guest has changed a node that was not its own")
			require.Equal(t, "racers", now.Labels["pool"])
		}
		before = now
	}
	seen.Stop()
	require.Positive(t, changes)
	require.LessOrEqual(t, made, changes)
}

func TestADeletionIsMadeWhereThePolicyGrantsIt(t *testing.T) {
	w := newWorld(t)
	proxied, _ := w.visible(t, "deleter", v1alpha1.Visibility{StorageClasses: grant(v1alpha1.VisibleObjects{Pattern: "deleted-.*"}, v1alpha1.OperationDelete)})
	class := func(name string) {
		require.NoError(t, w.Client.Create(t.Context(), &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: name}, Provisioner: "example.org/disk"}))
	}
	class("deleted-0")
	code, _, body := send(t, proxied, "DELETE", "/apis/storage.k8s.io/v1/storageclasses/deleted-0", nil, nil)
	require.Equal(t, http.StatusServiceUnavailable, code, "the proxy's own right is missing: %s", body)
	eventually(t, func() bool {
		return strings.Contains(w.output.String(), "the API proxy lacks the right to delete storageclasses.storage.k8s.io")
	}, "the log names it")
	w.grantWrites(t)
	c := clients(t, proxied).StorageV1().StorageClasses()
	eventually(t, func() bool { return c.Delete(t.Context(), "deleted-0", metav1.DeleteOptions{}) == nil }, "the API server knows the right")
	class("deleted-1")
	now, err := c.Get(t.Context(), "deleted-1", metav1.GetOptions{})
	require.NoError(t, err)
	wrong := types.UID("another")
	require.True(t, apierrors.IsConflict(c.Delete(t.Context(), "deleted-1", metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &wrong}})))
	require.NoError(t, c.Delete(t.Context(), "deleted-1", metav1.DeleteOptions{DryRun: []string{"All"}}))
	code, _, body = send(t, proxied, "DELETE", "/apis/storage.k8s.io/v1/storageclasses/deleted-1?dryRun=All", nil, nil)
	require.Equal(t, http.StatusOK, code, body)
	protobuf := rest.CopyConfig(proxied)
	protobuf.ContentType = "application/vnd.kubernetes.protobuf"
	require.NoError(t, clients(t, protobuf).StorageV1().StorageClasses().Delete(t.Context(), "deleted-1", metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &now.UID}}))
	class("kept-1")
	t.Cleanup(func() {
		_ = w.Clients.StorageV1().StorageClasses().Delete(context.Background(), "kept-1", metav1.DeleteOptions{})
	})
	require.True(t, apierrors.IsForbidden(c.Delete(t.Context(), "kept-1", metav1.DeleteOptions{})))
	require.True(t, apierrors.IsForbidden(c.DeleteCollection(t.Context(), metav1.DeleteOptions{}, metav1.ListOptions{})))
	can := func(verb, name string) bool {
		review, err := clients(t, proxied).AuthorizationV1().SelfSubjectAccessReviews().Create(t.Context(), &authorizationv1.SelfSubjectAccessReview{
			Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{
				Verb: verb, Group: "storage.k8s.io", Resource: "storageclasses", Name: name}},
		}, metav1.CreateOptions{})
		require.NoError(t, err)
		return review.Status.Allowed
	}
	class("deleted-2")
	require.True(t, can("delete", ""))
	require.True(t, can("delete", "deleted-2"))
	require.False(t, can("delete", "kept-1"))
	require.False(t, can("delete", "deleted-9"))
	require.False(t, can("patch", "deleted-2"))
	require.False(t, can("deletecollection", ""))
	require.NoError(t, c.Delete(t.Context(), "deleted-2", metav1.DeleteOptions{}))
}

func TestABodyThatDoesNotComeHoldsNoOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.node(t, "slow-body", nil)
	visible := v1alpha1.Visibility{Nodes: grant(v1alpha1.VisibleObjects{Names: []v1alpha1.VisibleName{"slow-body"}}, v1alpha1.OperationUpdate)}
	proxied, _ := w.visible(t, "slow-writer", visible)
	other, _ := w.visible(t, "other-writer", visible)
	c := w.dial(t, proxied)
	fmt.Fprint(c, "PATCH /api/v1/nodes/slow-body HTTP/1.1\r\nHost: x\r\nContent-Type: application/merge-patch+json\r\nContent-Length: 100\r\n\r\n{") // and no more
	code, _, _ := send(t, other, "PATCH", "/api/v1/nodes/slow-body", http.Header{"Content-Type": {"application/merge-patch+json"}}, bytes.NewReader([]byte(`{`)))
	require.Equal(t, http.StatusBadRequest, code)
	code, _, _ = send(t, proxied, "PATCH", "/api/v1/nodes/slow-body", http.Header{"Content-Type": {"application/merge-patch+json"}}, bytes.NewReader([]byte(`{`)))
	require.Equal(t, http.StatusBadRequest, code, "the guest itself waits, and not for ever")
}
