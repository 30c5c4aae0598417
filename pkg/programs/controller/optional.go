package controller

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/values/apis"
)

// optionalAgain is how often the API server is asked whether it serves a kind, until it does.
const optionalAgain = time.Minute

// followed is by what kinds are found and followed.
type followed struct {
	kinds  kinds
	live   client.Reader // past the cache
	store  cache.Cache
	logger *slog.Logger
}

// optional follows a kind that a cluster may lack, such as Liqo's. The program works without it.
type optional struct {
	followed
	kind schema.GroupKind
	// set takes an object that is new, has changed or is gone. It may be called at any time from start on.
	set func(object *unstructured.Unstructured, gone bool)
	// read is called once, when all objects have been given to set, or the cluster lacks the kind.
	read func()

	began, known sync.Once
}

// start follows the kind in the background. Later calls do nothing.
func (o *optional) start(ctx context.Context) {
	o.began.Do(func() { go o.follow(ctx) })
}

// follow watches objects of a kind that the cluster may not have. It asks again every optionalAgain until the kind is there or the context ends.
// That a kind is absent is an answer as well, so what waits for known goes on.
func (o *optional) follow(ctx context.Context) {
	for {
		mapping, err := o.kinds.RESTMapping(o.kind)
		if err == nil {
			err = o.watch(ctx, mapping.GroupVersionKind)
		}
		absent := meta.IsNoMatchError(err) || apierrors.IsNotFound(err)
		if err == nil || absent {
			o.known.Do(o.read)
		}
		if err == nil {
			return
		}
		if !absent {
			o.logger.Warn("objects of Liqo cannot be read: what depends on them stays as it is", "kind", o.kind, "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(optionalAgain):
		}
	}
}

// watch returns once all objects have been given to set.
func (o *optional) watch(ctx context.Context, kind schema.GroupVersionKind) error {
	// A kind that was removed a moment ago is still discovered, and an informer of it would never be filled.
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
	if err := o.live.List(ctx, list, client.Limit(1)); err != nil {
		return err
	}
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(kind)
	informer, err := o.store.GetInformer(ctx, object)
	if err != nil {
		return err
	}
	handler, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc: func(now any) { o.give(now, false) }, UpdateFunc: func(_, now any) { o.give(now, false) }, DeleteFunc: func(last any) { o.give(last, true) },
	})
	if err != nil {
		return err
	}
	if !toolscache.WaitForCacheSync(ctx.Done(), handler.HasSynced) {
		return context.Cause(ctx)
	}
	return nil
}

func (o *optional) give(object any, gone bool) {
	if last, ok := object.(toolscache.DeletedFinalStateUnknown); ok {
		object = last.Obj
	}
	if typed, ok := object.(*unstructured.Unstructured); ok {
		o.set(typed, gone)
	}
}

// slimOptional keeps of an unstructured object what identifies it and what TenantIn and PeerIn read. Others write the rest, and it may be long.
func slimOptional(object any) (any, error) {
	o, ok := object.(*unstructured.Unstructured)
	if !ok {
		return object, nil
	}
	kept := map[string]any{}
	for _, path := range [][]string{
		{"apiVersion"}, {"kind"}, {"metadata", "name"}, {"metadata", "namespace"}, {"metadata", "uid"}, {"metadata", "resourceVersion"},
		{"metadata", "labels", apis.LabelRemoteCluster},
		{"spec", "clusterID"}, {"spec", "clusterIdentity", "clusterID"}, {"spec", "tenantCondition"},
		{"status", "remote", "cidr", "pod"}, {"status", "remote", "cidr", "external"},
	} {
		value, found, err := unstructured.NestedFieldNoCopy(o.Object, path...)
		if err != nil || !found {
			continue // what is not of Liqo's form is read as nothing
		}
		if err := unstructured.SetNestedField(kept, value, path...); err != nil {
			return nil, fmt.Errorf("keep %v of a %s: %w", path, o.GetKind(), err)
		}
	}
	o.Object = kept
	return o, nil
}
