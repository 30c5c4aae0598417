package controller

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/v1alpha1"
)

// foreignSpaces lists the namespaces of guests, by the cached metadata of all, of which keep returns true for the guest.
func foreignSpaces(ctx context.Context, reader client.Reader, keep func(guest string) bool) ([]metav1.PartialObjectMetadata, error) {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("NamespaceList"))
	if err := reader.List(ctx, list); err != nil {
		return nil, fmt.Errorf("list the namespaces of guests: %w", err)
	}
	var foreign []metav1.PartialObjectMetadata
	for _, ns := range list.Items {
		if labels := apis.Settled(ns.Labels, ns.Annotations); apis.IsForeign(labels) && keep(apis.Guest(labels)) {
			foreign = append(foreign, ns)
		}
	}
	return foreign, nil
}

// spacesOf lists the namespaces of one guest.
func spacesOf(ctx context.Context, reader client.Reader, guest string) ([]metav1.PartialObjectMetadata, error) {
	return foreignSpaces(ctx, reader, func(of string) bool { return of == guest })
}

// everyGuest returns the namespaces of all guests.
func everyGuest(reader client.Reader) handler.MapFunc {
	return spaceRequests(reader, func(client.Object, string) bool { return true })
}

// itsNamespaces returns the namespaces of the guest of a GuestPolicy, and of the GuestPolicy default those of all guests.
func itsNamespaces(reader client.Reader) handler.MapFunc {
	return spaceRequests(reader, func(policy client.Object, guest string) bool {
		return policy.GetName() == v1alpha1.DefaultGuestPolicy || policy.GetName() == guest
	})
}

func spaceRequests(reader client.Reader, keep func(about client.Object, guest string) bool) handler.MapFunc {
	return func(ctx context.Context, about client.Object) []reconcile.Request {
		foreign, err := foreignSpaces(ctx, reader, func(guest string) bool { return keep(about, guest) })
		if err != nil {
			return nil // the cache ends only with the program
		}
		requests := make([]reconcile.Request, 0, len(foreign))
		for i := range foreign {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKey{Name: foreign[i].Name}})
		}
		return requests
	}
}
