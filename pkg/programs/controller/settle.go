package controller

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/decisions/guard"
	"data-space.liqo.io/pkg/values/apis"
)

// writer is the part of a client that changes objects.
type writer interface {
	// Apply writes the fields of obj by server-side apply.
	Apply(ctx context.Context, obj runtime.ApplyConfiguration, opts ...client.ApplyOption) error
	// Delete deletes an object. One that is not there is an error (IsNotFound).
	Delete(ctx context.Context, obj client.Object, opts ...client.DeleteOption) error
	// Patch changes an object, and fills obj with the answer.
	Patch(ctx context.Context, obj client.Object, patch client.Patch, opts ...client.PatchOption) error
}

// settler takes the steps that guard decides. It is safe for concurrent use, about different objects.
type settler struct {
	writer   writer
	reporter *reporter
}

// settle takes one step about one object and reports it. want and have are nil if the object is not wanted or does not exist.
func (r *settler) settle(ctx context.Context, ns *metav1.PartialObjectMetadata, step guard.Step, want, have client.Object) error {
	if have != nil {
		r.reporter.seen(have)
	}
	if step.Verb == guard.Keep {
		return nil
	}
	err := r.take(ctx, step.Verb, want, have)
	if ending(err) || apierrors.IsConflict(err) {
		return nil // the namespace is going, or the cache lags: what it misses will come, and bring the next step
	}
	if err != nil {
		return err
	}
	r.reporter.done(ns, step, want, have)
	return nil
}

func (r *settler) take(ctx context.Context, verb guard.Verb, want, have client.Object) error {
	switch verb {
	case guard.Delete:
		return remove(ctx, r.writer, have)
	case guard.Release:
		return release(ctx, r.writer, have) // its end is watched, and brings the next step
	case guard.Replace:
		if err := remove(ctx, r.writer, have); err != nil {
			return err
		}
		return apply(ctx, r.writer, want)
	default:
		return apply(ctx, r.writer, want)
	}
}

// apply owns the object's fields by server-side apply; other field managers lose them.
func apply(ctx context.Context, w writer, want client.Object) error {
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(want)
	if err != nil {
		return fmt.Errorf("encode %s: %w", describe(want), err)
	}
	configuration := client.ApplyConfigurationFromUnstructured(&unstructured.Unstructured{Object: fields})
	if err := w.Apply(ctx, configuration, client.FieldOwner(apis.ControllerName), client.ForceOwnership); err != nil {
		return fmt.Errorf("apply %s: %w", describe(want), err)
	}
	return nil
}

// remove deletes exactly the object that was judged, not a successor of the same name.
func remove(ctx context.Context, w writer, have client.Object) error {
	uid, version := have.GetUID(), have.GetResourceVersion()
	err := w.Delete(ctx, have, client.Preconditions{UID: &uid, ResourceVersion: &version})
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("delete %s: %w", describe(have), err)
	}
	return nil
}

// release removes the finalizers of an object whose deletion they hold back; no other program uses the object.
func release(ctx context.Context, w writer, have client.Object) error {
	patch := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`))
	if err := w.Patch(ctx, have, patch, client.FieldOwner(apis.ControllerName)); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("take the finalizers off %s: %w", describe(have), err)
	}
	return nil
}

// ending says that the namespace is going or has gone: then there is nothing to guard any more.
func ending(err error) bool {
	return apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) || apierrors.IsNotFound(err)
}

// get returns nil where there is no such object.
func get[T client.Object](ctx context.Context, reader client.Reader, namespace, name string, into T) (T, error) {
	var none T
	err := reader.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, into)
	if apierrors.IsNotFound(err) {
		return none, nil
	}
	if err != nil {
		return none, fmt.Errorf("read %s/%s: %w", namespace, name, err)
	}
	return into, nil
}

// object turns a typed nil into a plain one.
func object[T interface {
	client.Object
	comparable
}](o T) client.Object {
	var none T
	if o == none {
		return nil
	}
	return o
}

func describe(o client.Object) string {
	kind := "ConfigMap"
	if o.GetName() == apis.NetworkPolicyName || o.GetName() == apis.GuestNetworkPolicyName {
		kind = "NetworkPolicy"
	}
	return fmt.Sprintf("%s %s/%s", kind, o.GetNamespace(), o.GetName())
}
