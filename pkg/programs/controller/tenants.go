package controller

import (
	"context"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"data-space.liqo.io/pkg/decisions/guestsettings"
)

// tenants follows the conditions of Liqo's Tenants, where the cluster has that kind. It is a source of requests for their guests, and safe
// for concurrent use.
type tenants struct {
	optional
	every func(context.Context) []reconcile.Request // all guests

	mu      sync.Mutex
	allRead bool                            // all Tenants have been read, or there are none
	all     map[string]guestsettings.Tenant // by namespace and name
}

func newTenants(by followed, every func(context.Context) []reconcile.Request) *tenants {
	t := &tenants{every: every, all: map[string]guestsettings.Tenant{}}
	t.followed, t.kind = by, schema.GroupKind{Group: "authentication.liqo.io", Kind: "Tenant"}
	return t
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
	return found, t.allRead
}

// Start implements source.Source.
func (t *tenants) Start(ctx context.Context, q queue) error {
	t.set = func(o *unstructured.Unstructured, gone bool) { t.take(o, gone, q) }
	t.read = func() {
		t.mu.Lock()
		t.allRead = true
		t.mu.Unlock()
		for _, request := range t.every(ctx) {
			q.Add(request)
		}
	}
	t.start(ctx)
	return nil
}

// take takes a Tenant, and asks for its guest.
func (t *tenants) take(o *unstructured.Unstructured, gone bool, q queue) {
	tenant, key := guestsettings.TenantIn(o.Object), o.GetNamespace()+"/"+o.GetName()
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
