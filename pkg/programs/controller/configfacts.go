package controller

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"data-space.liqo.io/pkg/effects/factlines"
	"data-space.liqo.io/pkg/values/fact"
	"data-space.liqo.io/pkg/values/v1alpha1"
)

// Reasons of the facts about objects that configure the product.
const (
	reasonApplied = "Applied" // also as a controller finds it when it starts to lead: the hash shows whether it is another one
	reasonDeleted = "Deleted"
)

// configReporter makes a fact of each change of objects of one kind. It is for one goroutine.
type configReporter struct {
	reader client.Reader
	sink   factlines.Sink
	kind   fact.Kind
	empty  func() client.Object
	spec   func(client.Object) any
	guest  func(name string) string
	known  map[string]string // hashes, by name
}

// guestPolicyFacts reports GuestPolicies.
func guestPolicyFacts(sink factlines.Sink) *configReporter {
	return &configReporter{
		sink: sink, kind: fact.GuestPolicySet, known: map[string]string{}, guest: func(name string) string { return name },
		empty: func() client.Object { return &v1alpha1.GuestPolicy{} },
		spec:  func(o client.Object) any { p, _ := o.(*v1alpha1.GuestPolicy); return p.Spec },
	}
}

// protectedTaintFacts reports ProtectedTaints.
func protectedTaintFacts(sink factlines.Sink) *configReporter {
	return &configReporter{
		sink: sink, kind: fact.ProtectedTaintSet, known: map[string]string{}, guest: func(string) string { return "" },
		empty: func() client.Object { return &v1alpha1.ProtectedTaint{} },
		spec:  func(o client.Object) any { p, _ := o.(*v1alpha1.ProtectedTaint); return p.Spec },
	}
}

// setupConfigFacts adds what reports the changes of GuestPolicies and ProtectedTaints. Only the leader does.
func setupConfigFacts(manager ctrl.Manager, sink factlines.Sink) error {
	for name, r := range map[string]*configReporter{"data-space-guestpolicy-facts": guestPolicyFacts(sink), "data-space-protectedtaint-facts": protectedTaintFacts(sink)} {
		r.reader = manager.GetCache()
		if err := ctrl.NewControllerManagedBy(manager).Named(name).For(r.empty(), builder.WithPredicates(predicate.GenerationChangedPredicate{})).Complete(r); err != nil {
			return fmt.Errorf("report changes of the product's configuration: %w", err)
		}
	}
	return nil
}

// Reconcile compares one object with what was reported of it.
func (r *configReporter) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	o := r.empty()
	err := r.reader.Get(ctx, request.NamespacedName, o)
	if client.IgnoreNotFound(err) != nil {
		return ctrl.Result{}, fmt.Errorf("read %s: %w", request.Name, err)
	}
	hash, reason := "", reasonDeleted
	if !apierrors.IsNotFound(err) {
		text, err := json.Marshal(r.spec(o))
		if err != nil {
			return ctrl.Result{}, fmt.Errorf("hash %s: %w", request.Name, err)
		}
		sum := sha256.Sum256(text)
		hash, reason = hex.EncodeToString(sum[:]), reasonApplied
	}
	before, known := r.known[request.Name]
	if known && before == hash || !known && hash == "" {
		return ctrl.Result{}, nil
	}
	f := fact.Fact{Kind: r.kind, Reason: reason, Message: fmt.Sprintf("%s %s", r.kind, request.Name), Subject: fact.Subject{Guest: r.guest(request.Name)},
		Details: map[string]string{"name": request.Name}}
	if hash != "" {
		f.Details["hash"], f.Details["generation"] = hash, fmt.Sprint(o.GetGeneration())
	}
	if before != "" {
		f.Details["before"] = before
	}
	r.known[request.Name] = hash
	if hash == "" {
		delete(r.known, request.Name)
	}
	r.sink.Emit(f)
	return ctrl.Result{}, nil
}
