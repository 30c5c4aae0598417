package controller

import (
	"context"
	"fmt"

	networkingv1 "k8s.io/api/networking/v1"
	nodev1 "k8s.io/api/node/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"data-space.liqo.io/pkg/values/v1alpha1"
)

// classes are the classes of one kind that a section workload names.
type classes struct {
	field string
	kind  schema.GroupVersionKind
	of    func(*v1alpha1.Workload) []v1alpha1.ObjectName
}

// classKinds are the kinds of classes in a section workload.
func classKinds() []classes {
	return []classes{
		{"runtimeClasses", nodev1.SchemeGroupVersion.WithKind("RuntimeClass"), func(w *v1alpha1.Workload) []v1alpha1.ObjectName { return w.RuntimeClasses }},
		{"priorityClasses", schedulingv1.SchemeGroupVersion.WithKind("PriorityClass"), func(w *v1alpha1.Workload) []v1alpha1.ObjectName { return w.PriorityClasses }},
		{"storageClasses", storagev1.SchemeGroupVersion.WithKind("StorageClass"), func(w *v1alpha1.Workload) []v1alpha1.ObjectName { return w.StorageClasses }},
		{"ingressClasses", networkingv1.SchemeGroupVersion.WithKind("IngressClass"), func(w *v1alpha1.Workload) []v1alpha1.ObjectName { return w.IngressClasses }},
	}
}

func metadataOf(kind schema.GroupVersionKind) *metav1.PartialObjectMetadata {
	object := &metav1.PartialObjectMetadata{}
	object.SetGroupVersionKind(kind)
	return object
}

// absent returns the classes in a policy's section workload that do not exist, each with its field and the remedy.
func absent(ctx context.Context, reader client.Reader, policy *v1alpha1.GuestPolicy) ([]string, error) {
	if policy.Spec.Workload == nil {
		return nil, nil
	}
	var problems []string
	for _, c := range classKinds() {
		for i, name := range c.of(policy.Spec.Workload) {
			err := reader.Get(ctx, client.ObjectKey{Name: string(name)}, metadataOf(c.kind))
			switch {
			case apierrors.IsNotFound(err):
				problems = append(problems, fmt.Sprintf("spec.workload.%s[%d]: the %s %s does not exist; correct the name, or create it", c.field, i, c.kind.Kind, name))
			case err != nil:
				return nil, fmt.Errorf("read the %s %s, which GuestPolicy %s names: %w", c.kind.Kind, name, policy.Name, err)
			}
		}
	}
	return problems, nil
}

// naming returns the GuestPolicies that name a class.
func naming(reader client.Reader, c classes) handler.MapFunc {
	return func(ctx context.Context, class client.Object) []reconcile.Request {
		policies := &v1alpha1.GuestPolicyList{}
		if reader.List(ctx, policies) != nil {
			return nil // the cache ends only with the program
		}
		var requests []reconcile.Request
		for _, p := range policies.Items {
			if p.Spec.Workload == nil {
				continue
			}
			for _, name := range c.of(p.Spec.Workload) {
				if string(name) == class.GetName() {
					requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKey{Name: p.Name}})
				}
			}
		}
		return requests
	}
}
