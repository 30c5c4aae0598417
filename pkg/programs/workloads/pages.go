package workloads

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	toolscache "k8s.io/client-go/tools/cache"
)

// pageSize is how many objects are held whole at a time while a list is read. An object has up to 1.5 MB.
const pageSize = 20

type newInformer = func(toolscache.ListerWatcher, runtime.Object, time.Duration, toolscache.Indexers) toolscache.SharedIndexInformer

// pagedInformer makes informers that reduce lists page by page. API servers that stream lists (1.34 and later) send objects one by one; of the
// others an informer would read all objects of a kind at once, whole.
func pagedInformer(reduce toolscache.TransformFunc) newInformer {
	return func(from toolscache.ListerWatcher, object runtime.Object, resync time.Duration, indexers toolscache.Indexers) toolscache.SharedIndexInformer {
		inner := toolscache.ToListerWatcherWithContext(from)
		return toolscache.NewSharedIndexInformer(&toolscache.ListWatch{
			ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
				return listPaged(ctx, inner, options, reduce)
			},
			WatchFuncWithContext: inner.WatchWithContext,
		}, object, resync, indexers)
	}
}

// listPaged returns a whole list, reduced.
func listPaged(ctx context.Context, from toolscache.ListerWithContext, options metav1.ListOptions, reduce toolscache.TransformFunc) (runtime.Object, error) {
	options.Limit, options.Continue = pageSize, ""
	options.ResourceVersion, options.ResourceVersionMatch = "", "" // with a version, API servers may send everything at once
	var all []runtime.Object
	for {
		page, err := from.ListWithContext(ctx, options)
		if err != nil {
			return nil, err
		}
		list, err := meta.ListAccessor(page)
		if err != nil {
			return nil, fmt.Errorf("read a page of a list: %w", err)
		}
		if err := meta.EachListItemWithAlloc(page, func(o runtime.Object) error {
			_, err := reduce(o)
			all = append(all, o)
			return err
		}); err != nil {
			return nil, fmt.Errorf("reduce a page of a list: %w", err)
		}
		if options.Continue = list.GetContinue(); options.Continue != "" {
			continue
		}
		list.SetRemainingItemCount(nil)
		return page, meta.SetList(page, all)
	}
}
