//go:build api

package proxy

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/v1alpha1"
)

// storing makes a guest with two namespaces, in the first of which its callers may do with claims what Liqo's role allows.
func (w *world) storing(t *testing.T, guest string) *rest.Config {
	t.Helper()
	w.create(t, named(guest+"-a", guest))
	w.create(t, named(guest+"-b", guest))
	w.create(t, &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: guest + "-a", Name: "claims"}, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"persistentvolumeclaims"}, Verbs: []string{"*"}},
	}})
	w.create(t, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: guest + "-a", Name: "claims"}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "claims"},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "Group", Name: guest}},
	})
	proxied, _ := w.user(t, "user-of-"+guest, guest)
	eventually(t, func() bool {
		list, err := clients(t, proxied).CoreV1().Namespaces().List(t.Context(), metav1.ListOptions{})
		return err == nil && len(list.Items) == 2
	}, "the proxy knows the guest")
	eventually(t, func() bool {
		_, err := clients(t, proxied).CoreV1().PersistentVolumeClaims(guest+"-a").List(t.Context(), metav1.ListOptions{})
		return err == nil
	}, "the API server knows the guest's rights")
	return proxied
}

// claim makes a claim. No controller ends the protection of claims and volumes here.
func (w *world) claim(t *testing.T, namespace, name string) types.UID {
	t.Helper()
	c := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: corev1.PersistentVolumeClaimSpec{
		AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
		Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}},
	}}
	w.create(t, c)
	w.unprotect(t, c)
	return c.UID
}

// volume makes a volume of a claim (namespace/name; "": of none).
func (w *world) volume(t *testing.T, name, claim string, uid types.UID) {
	t.Helper()
	v := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.PersistentVolumeSpec{
		AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}, Capacity: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")},
		PersistentVolumeSource: corev1.PersistentVolumeSource{NFS: &corev1.NFSVolumeSource{Server: "192.0.2.1", Path: "/" + name}},
	}}
	if namespace, name, named := strings.Cut(claim, "/"); named {
		v.Spec.ClaimRef = &corev1.ObjectReference{Kind: "PersistentVolumeClaim", APIVersion: "v1", Namespace: namespace, Name: name, UID: uid}
	}
	w.create(t, v)
	w.unprotect(t, v)
}

func (w *world) unprotect(t *testing.T, o client.Object) {
	t.Helper()
	require.NoError(t, w.Client.Patch(t.Context(), o, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`))))
}

// touch has a volume have an event.
func (w *world) touch(t *testing.T, name, patch string) {
	t.Helper()
	_, err := w.Clients.CoreV1().PersistentVolumes().Patch(t.Context(), name, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	require.NoError(t, err)
}

func volumesSeen(t *testing.T, config *rest.Config, prefix string) []string {
	t.Helper()
	list, err := clients(t, config).CoreV1().PersistentVolumes().List(t.Context(), metav1.ListOptions{Limit: 1000})
	require.NoError(t, err)
	names := []string{}
	for i := range list.Items {
		if strings.HasPrefix(list.Items[i].Name, prefix) {
			names = append(names, list.Items[i].Name)
		}
	}
	return names
}

func TestVolumesOfTheCallersOwnClaims(t *testing.T) {
	w := newWorld(t)
	proxied, other := w.storing(t, "storing"), w.storing(t, "keeping")
	w.volume(t, "vol-own", "storing-a/data", w.claim(t, "storing-a", "data"))
	w.volume(t, "vol-other", "keeping-a/data", w.claim(t, "keeping-a", "data"))
	w.volume(t, "vol-stale", "storing-a/data", "11111111-2222-3333-4444-555555555555") // of a claim, or a namespace, that had the name before
	w.volume(t, "vol-released", "storing-a/gone", "11111111-2222-3333-4444-666666666666")
	w.volume(t, "vol-reserved", "storing-a/data", "")
	w.volume(t, "vol-free", "", "")
	require.Len(t, volumesSeen(t, w.Config, "vol-"), 6)
	require.Equal(t, []string{"vol-own"}, volumesSeen(t, proxied, ""))
	require.Equal(t, []string{"vol-other"}, volumesSeen(t, other, ""))
	stranger, _ := w.pharma(t)
	require.Empty(t, volumesSeen(t, stranger, ""))

	for accept, want := range map[string]int{
		"application/json": 200, "application/json;as=Table;v=v1;g=meta.k8s.io": 200, "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1": 406,
		"application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json": 200,
	} {
		code, _, body := send(t, proxied, "GET", "/api/v1/persistentvolumes?limit=1&includeObject=None", http.Header{"Accept": {accept}}, nil)
		require.Equal(t, want, code, body)
		if code == 200 {
			require.Contains(t, body, `"vol-own"`)
		}
		for _, hidden := range []string{"vol-other", "vol-stale", "vol-released", "vol-reserved", "vol-free"} {
			require.NotContains(t, body, hidden)
		}
	}
	own, err := clients(t, proxied).CoreV1().PersistentVolumes().Get(t.Context(), "vol-own", metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, "/vol-own", own.Spec.NFS.Path)
	for _, hidden := range []string{"vol-other", "vol-stale", "vol-released", "vol-reserved", "vol-free", "vol-none"} {
		_, err := clients(t, proxied).CoreV1().PersistentVolumes().Get(t.Context(), hidden, metav1.GetOptions{})
		require.True(t, apierrors.IsNotFound(err), "%s: %v", hidden, err)
	}
	err = clients(t, proxied).CoreV1().PersistentVolumes().Delete(t.Context(), "vol-own", metav1.DeleteOptions{})
	require.True(t, apierrors.IsForbidden(err), "read only: %v", err)
	for name, want := range map[string]bool{"": true, "vol-own": true, "vol-other": false, "vol-stale": false} {
		review, err := clients(t, proxied).AuthorizationV1().SelfSubjectAccessReviews().Create(t.Context(), &authorizationv1.SelfSubjectAccessReview{
			Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: "get", Resource: "persistentvolumes", Name: name}},
		}, metav1.CreateOptions{})
		require.NoError(t, err)
		require.Equal(t, want, review.Status.Allowed, name)
	}
}

func TestAWatchOfOwnVolumesFollowsClaimsAndNamespaces(t *testing.T) {
	w := newWorld(t)
	proxied := w.storing(t, "watching")
	w.volume(t, "seen-1", "watching-a/one", w.claim(t, "watching-a", "one"))
	w.volume(t, "seen-2", "", "")
	events := make(chan string, 100)
	named := func(verb string) func(any) {
		return func(o any) {
			if last, is := o.(cache.DeletedFinalStateUnknown); is {
				o = last.Obj
			}
			events <- verb + " " + o.(*corev1.PersistentVolume).Name
		}
	}
	factory := informers.NewSharedInformerFactory(clients(t, proxied), 0)
	_, err := factory.Core().V1().PersistentVolumes().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{AddFunc: named("added"), DeleteFunc: named("deleted")})
	require.NoError(t, err)
	stop := make(chan struct{})
	factory.Start(stop)
	defer factory.Shutdown()
	defer close(stop)
	require.Equal(t, "added seen-1", next(t, events))

	list, err := clients(t, proxied).CoreV1().PersistentVolumes().List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	two := w.claim(t, "watching-a", "two")
	w.touch(t, "seen-2", `{"spec":{"claimRef":{"kind":"PersistentVolumeClaim","namespace":"watching-a","name":"two","uid":"`+string(two)+`"}}}`)
	require.Equal(t, "added seen-2", next(t, events))
	require.NoError(t, w.Clients.CoreV1().PersistentVolumeClaims("watching-a").Delete(t.Context(), "one", metav1.DeleteOptions{}))
	w.touch(t, "seen-1", `{"metadata":{"labels":{"state":"released"}}}`) // as the controller of volumes does
	require.Equal(t, "deleted seen-1", next(t, events))

	since, err := clients(t, proxied).CoreV1().PersistentVolumes().Watch(t.Context(), metav1.ListOptions{ResourceVersion: list.ResourceVersion})
	require.NoError(t, err)
	defer since.Stop()
	first := <-since.ResultChan()
	require.Equal(t, "ADDED", string(first.Type), "%+v", first.Object)
	require.Equal(t, "seen-2", first.Object.(*corev1.PersistentVolume).Name)
	second := <-since.ResultChan()
	require.Equal(t, "DELETED", string(second.Type), "what the caller saw at the list's version is deleted: %+v", second.Object)
	require.Equal(t, "seen-1", second.Object.(*corev1.PersistentVolume).Name)

	w.visible(t, "bystanding", v1alpha1.Visibility{StorageClasses: []v1alpha1.VisibleObjects{{Names: []v1alpha1.VisibleName{"any"}}}})
	w.touch(t, "seen-2", `{"metadata":{"labels":{"state":"touched"}}}`)
	third := <-since.ResultChan()
	require.Equal(t, "MODIFIED", string(third.Type), "the GuestPolicy of another guest ends no watch: %+v", third.Object)

	_, err = w.Clients.CoreV1().Namespaces().Patch(t.Context(), "watching-a", types.MergePatchType, []byte(`{"metadata":{"labels":{"`+apis.LabelRemoteCluster+`":"elsewhere"}}}`), metav1.PatchOptions{})
	require.NoError(t, err)
	require.Equal(t, "deleted seen-2", next(t, events), "the watch ends, and its client lists again")
}
