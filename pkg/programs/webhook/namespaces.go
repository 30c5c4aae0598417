package webhook

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/decisions/limits"
	"data-space.liqo.io/pkg/values/apis"
)

// liveReadTimeout leaves the API server's five seconds room for an answer that says what went wrong.
const liveReadTimeout = 3 * time.Second

// namespaceReader reads labels of namespaces. The cache holds the namespaces of guests only and may be behind: it is
// believed when it says that a namespace is guarded; before a pod goes unguarded, the API server is asked.
type namespaceReader struct {
	cached, live client.Reader
}

// Labels implements namespaceLabels.
func (r namespaceReader) Labels(ctx context.Context, namespace string) (map[string]string, error) {
	found, err := r.Metadata(ctx, namespace)
	if err != nil {
		return nil, err
	}
	return found.Labels, nil
}

// Metadata implements guestSpaces.
func (r namespaceReader) Metadata(ctx context.Context, namespace string) (*metav1.PartialObjectMetadata, error) {
	key := client.ObjectKey{Name: namespace}
	found := namespaceMetadata() // the cache's own, which is only read
	if err := r.cached.Get(ctx, key, found, client.UnsafeDisableDeepCopy); err == nil && guarded(namespace, settle(found).Labels) {
		return found, nil
	}
	ctx, cancel := context.WithTimeout(ctx, liveReadTimeout)
	defer cancel()
	found = namespaceMetadata()
	if err := r.live.Get(ctx, key, found); err != nil {
		return nil, err
	}
	return settle(found), nil
}

// settle gives what was read of a namespace the labels by which it is judged. Maps that the cache shares stay as they are.
func settle(ns *metav1.PartialObjectMetadata) *metav1.PartialObjectMetadata {
	ns.Labels = apis.Settled(ns.Labels, ns.Annotations)
	return ns
}

// guestLookup is how long it may take to look into the cache, which is long only before it is filled.
const guestLookup = 100 * time.Millisecond

// Guest names the guest of a namespace for its share of the work. It sends no request: a namespace that the cache does not hold has a
// share of its own.
func (r namespaceReader) Guest(ctx context.Context, namespace string) string {
	ctx, cancel := context.WithTimeout(ctx, guestLookup)
	defer cancel()
	found := namespaceMetadata()
	if err := r.cached.Get(ctx, client.ObjectKey{Name: namespace}, found, client.UnsafeDisableDeepCopy); err == nil && apis.Guest(settle(found).Labels) != "" {
		return fmt.Sprintf("guest %q", apis.Guest(found.Labels))
	}
	return fmt.Sprintf("namespace %q", limits.Cut(namespace, limits.MaxName))
}

func namespaceMetadata() *metav1.PartialObjectMetadata {
	object := &metav1.PartialObjectMetadata{}
	object.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	return object
}
