package controller

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"data-space.liqo.io/pkg/values/v1alpha1"
)

// kindsAgain is when a GuestPolicy is read again that names kinds which the API server does not serve: they may be defined later.
const kindsAgain = time.Minute

// kinds is the part of a RESTMapper that finds kinds.
type kinds interface {
	// KindsFor returns the kinds of a resource, in any version where none is given. None is an error (meta.IsNoMatchError).
	KindsFor(resource schema.GroupVersionResource) ([]schema.GroupVersionKind, error)
	// RESTMapping returns among others whether objects of the kind are in namespaces.
	RESTMapping(kind schema.GroupKind, versions ...string) (*meta.RESTMapping, error)
}

// unshown returns why kinds that a GuestPolicy makes visible show nothing, each with its field and the remedy.
func unshown(policy *v1alpha1.GuestPolicy, served kinds) []string {
	if policy.Spec.Visibility == nil {
		return nil
	}
	var problems []string
	for i, r := range policy.Spec.Visibility.Resources {
		if problem := scope(served, schema.GroupResource{Group: r.Group, Resource: r.Resource}); problem != "" {
			problems = append(problems, fmt.Sprintf("spec.visibility.resources[%d]: %s", i, problem))
		}
	}
	return problems
}

func scope(served kinds, resource schema.GroupResource) string {
	found, err := served.KindsFor(resource.WithVersion(""))
	if err != nil && !meta.IsNoMatchError(err) {
		return fmt.Sprintf("whether the API server serves %s is not known: %v", resource, err)
	}
	for _, kind := range found {
		if kind.Group != resource.Group {
			continue
		}
		mapping, err := served.RESTMapping(kind.GroupKind(), kind.Version)
		if err == nil && mapping.Scope.Name() == meta.RESTScopeNameNamespace {
			return fmt.Sprintf("objects of %s are in namespaces, and are shown in the guest's own; remove it", resource)
		}
		return ""
	}
	return fmt.Sprintf("the API server does not serve %s; correct group and resource, or define the kind", resource)
}
