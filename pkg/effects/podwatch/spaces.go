package podwatch

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/workload"
)

// Space returns the watch's entry of a namespace, foreign or not. found is false if there is no entry: the namespace does not
// exist, it is newer than the last received change, or the lists have not arrived yet.
func (w *Watch) Space(ctx context.Context, name string) (space workload.Namespace, found bool, err error) {
	if !w.Synced() {
		return workload.Namespace{}, false, nil
	}
	object := namespaceMeta()
	err = w.cache.Get(ctx, client.ObjectKey{Name: name}, object)
	switch {
	case apierrors.IsNotFound(err):
		return workload.Namespace{}, false, nil
	case err != nil:
		return workload.Namespace{}, false, fmt.Errorf("look up namespace %s: %w", name, err)
	}
	return workload.Namespace{Name: name, Labels: object.Labels}, true, nil
}

// errNotSynced: the first complete lists have not arrived.
var errNotSynced = errors.New("the first complete list of namespaces has not arrived")

// Spaces lists every namespace of the cluster. It is an error to ask before Synced.
func (w *Watch) Spaces(ctx context.Context) ([]workload.Namespace, error) {
	if !w.Synced() {
		return nil, errNotSynced
	}
	return w.spaces(ctx)
}

func (w *Watch) spaces(ctx context.Context, which ...client.ListOption) ([]workload.Namespace, error) {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("NamespaceList"))
	if err := w.cache.List(ctx, list, which...); err != nil {
		return nil, fmt.Errorf("list the namespaces: %w", err)
	}
	out := make([]workload.Namespace, 0, len(list.Items))
	for i := range list.Items {
		out = append(out, workload.Namespace{Name: list.Items[i].Name, Labels: list.Items[i].Labels})
	}
	return out, nil
}

// OnSpace calls notify after each change of a namespace.
func (w *Watch) OnSpace(ctx context.Context, notify func()) error {
	informer, err := w.cache.GetInformer(ctx, namespaceMeta(), cache.BlockUntilSynced(false))
	if err != nil {
		return fmt.Errorf("watch namespaces: %w", err)
	}
	if _, err := informer.AddEventHandler(onAnyChange(notify)); err != nil {
		return fmt.Errorf("watch namespaces: %w", err)
	}
	return nil
}

// Namespace reads a namespace's settled labels from the API server. In the cache, a namespace that lost its label looks like a
// namespace that was deleted. found is false if the namespace does not exist.
func (w *Watch) Namespace(ctx context.Context, name string) (space workload.Namespace, found bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	object := namespaceMeta()
	err = w.live.Get(ctx, client.ObjectKey{Name: name}, object)
	switch {
	case apierrors.IsNotFound(err):
		return workload.Namespace{}, false, nil
	case err != nil:
		return workload.Namespace{}, false, fmt.Errorf("get namespace %s: %w", name, err)
	}
	return workload.Namespace{Name: name, Labels: apis.Settled(object.Labels, object.Annotations)}, true, nil
}

// Namespaces lists the namespaces that bear a guest's cluster id. It costs what there are of these, however large the cluster is.
func (w *Watch) Namespaces(ctx context.Context) ([]workload.Namespace, error) {
	if !w.Synced() {
		return nil, nil
	}
	return w.spaces(ctx, client.MatchingFields{byGuest: isGuest})
}
