package window

import (
	"slices"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/selection"

	"data-space.liqo.io/pkg/decisions/guestsettings"
)

// UnfitToAsk returns why a client may not ask what Permits reports, or "". The client's certificate has one of the names and no organization: the
// certificates that Liqo issues to guests have an organization each, and their common names are cluster ids and others that guests choose.
func UnfitToAsk(c Caller, names []string) string {
	switch {
	case !slices.Contains(names, c.User):
		return "the caller is not one of --authorizer-callers"
	case slices.ContainsFunc(c.Groups, func(group string) bool { return group != "system:authenticated" }):
		return "the caller's certificate has an organization (O), as those of guests have; issue a certificate without one"
	}
	return ""
}

// Permits reports whether the API server may answer a request itself, without the proxy: a list or a watch whose selectors let through only what a
// caller of these guests sees, or a get of an object that its name alone makes visible. The API server applies the selectors that it has
// authorized. Permits returns false for a namespaced kind: a list of all namespaces has objects of other guests.
func (g Guests) Permits(ids []string, a authorizationv1.ResourceAttributes) bool {
	kind := schema.GroupResource{Group: a.Group, Resource: a.Resource}
	namespaces := kind == schema.GroupResource{Resource: "namespaces"}
	if len(ids) == 0 || a.Subresource != "" || !namespaces && (!builtIn(kind) || a.Namespace != "") {
		return false
	}
	switch {
	case a.Verb != "list" && a.Verb != "watch":
		return a.Verb == "get" && a.Name != "" && g.visibleTo(ids, kind).ShowsName(a.Name)
	case namespaces:
		own, err := g.ownNamespaces(ids)
		return err == nil && narrower(a.LabelSelector, own)
	}
	visible := g.visibleTo(ids, kind)
	for _, name := range selectedNames(a.FieldSelector) {
		if visible.ShowsName(name) {
			return true
		}
	}
	return slices.ContainsFunc(visible.by, func(one guestsettings.Visible) bool {
		selector, single := one.Selector(kind)
		if !single {
			return false
		}
		own, selectable := selector.Requirements()
		return selectable && narrower(a.LabelSelector, own)
	})
}

// selectedNames returns the name of the one object that a field selector lets through.
func selectedNames(s *authorizationv1.FieldSelectorAttributes) []string {
	if s == nil {
		return nil
	}
	for _, r := range s.Requirements {
		if r.Key == "metadata.name" && r.Operator == metav1.FieldSelectorOpIn && len(r.Values) == 1 {
			return r.Values
		}
	}
	return nil
}

// narrower reports whether a selector lets through only what these requirements do: each of them follows from one of the selector's.
func narrower(s *authorizationv1.LabelSelectorAttributes, own labels.Requirements) bool {
	var asked []metav1.LabelSelectorRequirement
	if s != nil {
		asked = s.Requirements
	}
	for i := range own {
		if !slices.ContainsFunc(asked, func(r metav1.LabelSelectorRequirement) bool { return implies(r, own[i]) }) {
			return false
		}
	}
	return true
}

// implies reports whether each object that meets one requirement meets another as well. It is false where that takes more than a look.
func implies(asked metav1.LabelSelectorRequirement, own labels.Requirement) bool {
	if asked.Key != own.Key() {
		return false
	}
	values := own.Values()
	in := asked.Operator == metav1.LabelSelectorOpIn && len(asked.Values) > 0
	switch own.Operator() {
	case selection.In, selection.Equals, selection.DoubleEquals:
		return in && values.HasAll(asked.Values...)
	case selection.NotIn, selection.NotEquals:
		return in && !values.HasAny(asked.Values...) ||
			asked.Operator == metav1.LabelSelectorOpNotIn && !slices.ContainsFunc(values.UnsortedList(), func(v string) bool { return !slices.Contains(asked.Values, v) }) ||
			asked.Operator == metav1.LabelSelectorOpDoesNotExist
	case selection.Exists:
		return in || asked.Operator == metav1.LabelSelectorOpExists
	case selection.DoesNotExist:
		return asked.Operator == metav1.LabelSelectorOpDoesNotExist
	default: // of numbers
		return false
	}
}
