package window

import (
	"net/url"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"data-space.liqo.io/pkg/values/v1alpha1"
)

// operationOf returns what a request does with one object; false: it does not change an object that exists, or it names no object.
func operationOf(r Request) (v1alpha1.VisibleOperation, bool) {
	switch {
	case !r.Resource || r.VerbInPath || r.Subresource != "" || r.Namespace != "" || r.Name == "":
		return "", false
	case r.Method == put && r.Verb == "update", r.Method == patch && r.Verb == "patch":
		return v1alpha1.OperationUpdate, true
	case r.Method == remove && r.Verb == "delete":
		return v1alpha1.OperationDelete, true
	}
	return "", false
}

// write decides about a change of one object: the program sends it as the proxy itself if MayWrite allows the object, and in the caller's name otherwise.
func write(v Visible, operation v1alpha1.VisibleOperation, r Request) (Verdict, error) {
	if !v.grants(operation) {
		return Verdict{Action: Pass}, nil
	}
	names := []string{"fieldManager", "fieldValidation", "force", "pretty", "dryRun", "timeout"}
	if operation == v1alpha1.OperationDelete {
		names = []string{"gracePeriodSeconds", "orphanDependents", "propagationPolicy", "pretty", "dryRun", "timeout"}
	}
	query, err := known(r.Query, names)
	if err != nil {
		return Verdict{}, err
	}
	return Verdict{Action: Write, Path: collection(r) + "/" + url.PathEscape(r.Name), Query: query, Visible: v, Operation: operation}, nil
}

// OnlyItem returns the path and the query of a list whose only item is the object that a write is about.
func OnlyItem(r Request) (string, url.Values) {
	query, _ := oneByName(Request{Name: r.Name}) // it returns errors about query parameters only, and this request has none
	return collection(r), query
}

// MayChange reports whether the caller may do this with an object in this state.
func (v Visible) MayChange(operation v1alpha1.VisibleOperation, state metav1.ObjectMeta) bool {
	return state.Namespace == "" && v.allows(v1alpha1.OperationList, state.Name, state.Labels) && v.allows(operation, state.Name, state.Labels)
}

// MayBecome reports whether an update may make an object this. Owners and finalizers stay as they are: by them an update deletes an object, or keeps
// it from being deleted.
func (v Visible) MayBecome(before, after metav1.ObjectMeta) bool {
	return after.Name == before.Name && after.UID == before.UID && v.MayChange(v1alpha1.OperationUpdate, after) &&
		equality.Semantic.DeepEqual(before.OwnerReferences, after.OwnerReferences) && equality.Semantic.DeepEqual(before.Finalizers, after.Finalizers)
}
