package controller

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"data-space.liqo.io/pkg/decisions/guestsettings"
)

// tenantsAgain is how often the API server is asked whether it serves Liqo's Tenants, until it does.
const tenantsAgain = time.Minute

// tenants follows the conditions of Liqo's Tenants, where the cluster has that kind. It is a source of requests for their guests, and safe
// for concurrent use.
type tenants struct {
	kinds  kinds
	store  cache.Cache
	every  func(context.Context) []reconcile.Request // all guests
	logger *slog.Logger

	mu    sync.Mutex
	known bool                            // all Tenants have been read, or there are none
	all   map[string]guestsettings.Tenant // by namespace and name
}

// of returns the Tenants of a guest; known is false until all have been read.
func (t *tenants) of(guest string) (found []guestsettings.Tenant, known bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, tenant := range t.all {
		if tenant.Guest == guest {
			found = append(found, tenant)
		}
	}
	return found, t.known
}

// Start implements source.Source.
func (t *tenants) Start(ctx context.Context, q queue) error {
	go t.follow(ctx, q)
	return nil
}

func (t *tenants) follow(ctx context.Context, q queue) {
	for {
		mapping, err := t.kinds.RESTMapping(schema.GroupKind{Group: "authentication.liqo.io", Kind: "Tenant"})
		switch {
		case meta.IsNoMatchError(err):
			t.learned(ctx, q)
		case err == nil:
			if err = t.watch(ctx, mapping.GroupVersionKind, q); err == nil {
				t.learned(ctx, q)
				return
			}
			fallthrough
		default:
			t.logger.Warn("Liqo's Tenants cannot be read; those that are suspended by theirs stay so", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(tenantsAgain):
		}
	}
}

// watch returns once all Tenants have been read.
func (t *tenants) watch(ctx context.Context, kind schema.GroupVersionKind, q queue) error {
	tenant := &unstructured.Unstructured{}
	tenant.SetGroupVersionKind(kind)
	informer, err := t.store.GetInformer(ctx, tenant)
	if err != nil {
		return err
	}
	set := func(o any) { t.set(o, false, q) }
	handler, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc: set, UpdateFunc: func(_, now any) { set(now) }, DeleteFunc: func(o any) { t.set(o, true, q) },
	})
	if err != nil {
		return err
	}
	if !toolscache.WaitForCacheSync(ctx.Done(), handler.HasSynced) {
		return ctx.Err()
	}
	return nil
}

// set takes a Tenant, and asks for its guest.
func (t *tenants) set(o any, gone bool, q queue) {
	if last, ok := o.(toolscache.DeletedFinalStateUnknown); ok {
		o = last.Obj
	}
	object, ok := o.(*unstructured.Unstructured)
	if !ok {
		return
	}
	tenant, key := guestsettings.TenantIn(object.Object), object.GetNamespace()+"/"+object.GetName()
	t.mu.Lock()
	before := t.all[key]
	if t.all[key] = tenant; gone {
		delete(t.all, key)
	}
	t.mu.Unlock()
	for _, guest := range []string{before.Guest, tenant.Guest} {
		if guest != "" {
			q.Add(reconcile.Request{NamespacedName: client.ObjectKey{Name: guest}})
		}
	}
}

func (t *tenants) learned(ctx context.Context, q queue) {
	t.mu.Lock()
	before := t.known
	t.known = true
	t.mu.Unlock()
	if before {
		return
	}
	for _, request := range t.every(ctx) {
		q.Add(request)
	}
}
