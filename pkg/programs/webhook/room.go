package webhook

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/decisions/inject"
)

// Room implements guestSpaces from the cache. What the cache does not know yet refuses a pod at worst, whose author tries again:
// LimitRanges and ResourceQuotas are the API server's to enforce.
func (r namespaceReader) Room(ctx context.Context, namespace string) inject.Room {
	ctx, cancel := context.WithTimeout(ctx, guestLookup)
	defer cancel()
	ranges, quotas := &corev1.LimitRangeList{}, &corev1.ResourceQuotaList{}
	// The objects are the cache's own, and are only read.
	options := []client.ListOption{client.InNamespace(namespace), client.UnsafeDisableDeepCopy}
	if r.cached.List(ctx, ranges, options...) != nil || r.cached.List(ctx, quotas, options...) != nil {
		return inject.Room{}
	}
	return inject.Room{Ranges: ranges.Items, Quotas: quotas.Items}
}
