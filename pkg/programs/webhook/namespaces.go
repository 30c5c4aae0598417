package webhook

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
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
	key := client.ObjectKey{Name: namespace}
	found := namespaceMetadata()
	if err := r.cached.Get(ctx, key, found); err == nil && guarded(namespace, found.Labels) {
		return found.Labels, nil
	}
	ctx, cancel := context.WithTimeout(ctx, liveReadTimeout)
	defer cancel()
	found = namespaceMetadata()
	if err := r.live.Get(ctx, key, found); err != nil {
		return nil, err
	}
	return found.Labels, nil
}

func namespaceMetadata() *metav1.PartialObjectMetadata {
	object := &metav1.PartialObjectMetadata{}
	object.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	return object
}
