package guestsettings

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"data-space.liqo.io/pkg/values/v1alpha1"
)

// Visible is what a guest sees of the cluster-scoped kinds: its visibility, compiled. The zero value shows nothing. It does not change.
type Visible struct {
	kinds map[schema.GroupResource][]objects
}

// objects are objects of one kind: exactly one of names, pattern and selector is set.
type objects struct {
	names      []v1alpha1.VisibleName
	pattern    *regexp.Regexp
	selector   labels.Selector
	operations []v1alpha1.VisibleOperation
}

// VisibilityOf compiles what a guest with these settings sees. The settings are merged ones. An error names the field; then nothing is
// shown, for a part of a section is never in force.
func VisibilityOf(spec v1alpha1.GuestPolicySpec) (Visible, error) {
	if spec.Visibility == nil {
		return Visible{}, nil
	}
	v := Visible{kinds: map[schema.GroupResource][]objects{}}
	for _, kind := range visibleKinds(*spec.Visibility) {
		for i, from := range kind.objects {
			entry, err := compile(from)
			if err != nil {
				return Visible{}, fmt.Errorf("%s[%d]: %w", kind.field, i, err)
			}
			v.kinds[kind.resource] = append(v.kinds[kind.resource], entry)
		}
	}
	return v, nil
}

type visibleKind struct {
	field    string
	resource schema.GroupResource
	objects  []v1alpha1.VisibleObjects
}

func visibleKinds(v v1alpha1.Visibility) []visibleKind {
	kinds := []visibleKind{
		{"spec.visibility.nodes", schema.GroupResource{Resource: "nodes"}, v.Nodes},
		{"spec.visibility.storageClasses", schema.GroupResource{Group: "storage.k8s.io", Resource: "storageclasses"}, v.StorageClasses},
		{"spec.visibility.ingressClasses", schema.GroupResource{Group: "networking.k8s.io", Resource: "ingressclasses"}, v.IngressClasses},
		{"spec.visibility.priorityClasses", schema.GroupResource{Group: "scheduling.k8s.io", Resource: "priorityclasses"}, v.PriorityClasses},
		{"spec.visibility.runtimeClasses", schema.GroupResource{Group: "node.k8s.io", Resource: "runtimeclasses"}, v.RuntimeClasses},
	}
	for i, r := range v.Resources {
		field := fmt.Sprintf("spec.visibility.resources[%d].objects", i)
		kinds = append(kinds, visibleKind{field, schema.GroupResource{Group: r.Group, Resource: r.Resource}, r.Objects})
	}
	return kinds
}

// compile prepares one entry of a GuestPolicy's visible objects. The pattern is a regular expression (RE2) that must match the whole name; its
// longest match counts. Without operations the entry grants List.
func compile(from v1alpha1.VisibleObjects) (objects, error) {
	o := objects{names: from.Names, operations: from.Operations}
	if len(o.operations) == 0 {
		o.operations = []v1alpha1.VisibleOperation{v1alpha1.OperationList}
	}
	if !slices.Contains(o.operations, v1alpha1.OperationList) {
		return objects{}, errors.New("operations: what the guest may not list, it cannot find; add List")
	}
	if from.Pattern != "" {
		pattern, err := regexp.Compile(from.Pattern)
		if err != nil {
			return objects{}, fmt.Errorf("pattern: %w", err)
		}
		pattern.Longest()
		o.pattern = pattern
	}
	if from.Selector != nil {
		selector, err := metav1.LabelSelectorAsSelector(from.Selector.LabelSelector())
		if err != nil {
			return objects{}, fmt.Errorf("selector: %w", err)
		}
		o.selector = selector
	}
	return o, nil
}

// Kinds returns the kinds of which something is shown, sorted.
func (v Visible) Kinds() []schema.GroupResource {
	kinds := make([]schema.GroupResource, 0, len(v.kinds))
	for kind := range v.kinds {
		kinds = append(kinds, kind)
	}
	slices.SortFunc(kinds, func(a, b schema.GroupResource) int { return strings.Compare(a.String(), b.String()) })
	return kinds
}

// Grants reports whether the guest may do this with some objects of the kind.
func (v Visible) Grants(kind schema.GroupResource, operation v1alpha1.VisibleOperation) bool {
	return slices.ContainsFunc(v.kinds[kind], func(o objects) bool { return slices.Contains(o.operations, operation) })
}

// Allows reports whether the guest may do this with the object of this name and these labels. An update is allowed if the object is
// allowed before it and after it.
func (v Visible) Allows(kind schema.GroupResource, operation v1alpha1.VisibleOperation, name string, set labels.Set) bool {
	return slices.ContainsFunc(v.kinds[kind], func(o objects) bool { return slices.Contains(o.operations, operation) && o.holds(name, set) })
}

// AllowsName reports whether the guest may list the object of this name with any labels. An entry with a selector allows no name by itself, also if the
// selector matches an object without labels.
func (v Visible) AllowsName(kind schema.GroupResource, name string) bool {
	return slices.ContainsFunc(v.kinds[kind], func(o objects) bool { return (o.selector == nil || o.selector.Empty()) && o.holds(name, nil) })
}

// Selector returns the label selector of exactly the objects that the guest may list, so that the API server can filter them; false where
// a single one does not express it.
func (v Visible) Selector(kind schema.GroupResource) (labels.Selector, bool) {
	switch entries := v.kinds[kind]; {
	case len(entries) == 0:
		return labels.Nothing(), true
	case len(entries) == 1 && entries[0].selector != nil:
		return entries[0].selector, true
	case slices.ContainsFunc(entries, func(o objects) bool { return o.selector != nil && o.selector.Empty() }):
		return labels.Everything(), true
	}
	return nil, false
}

// Names returns the names of exactly the objects that the guest may list, sorted; false where a pattern or a selector is among them.
func (v Visible) Names(kind schema.GroupResource) ([]string, bool) {
	var names []string
	for _, o := range v.kinds[kind] {
		if o.pattern != nil || o.selector != nil {
			return nil, false
		}
		for _, name := range o.names {
			names = append(names, string(name))
		}
	}
	slices.Sort(names)
	return slices.Compact(names), true
}

// ByLabels reports whether labels decide about objects of the kind: one that is shown may then become hidden.
func (v Visible) ByLabels(kind schema.GroupResource) bool {
	return slices.ContainsFunc(v.kinds[kind], func(o objects) bool { return o.selector != nil && !o.selector.Empty() })
}

func (o objects) holds(name string, set labels.Set) bool {
	switch {
	case o.selector != nil:
		return o.selector.Matches(set)
	case o.pattern != nil:
		// The longest match at the first place where there is one is the whole name, if the pattern matches the whole name.
		at := o.pattern.FindStringIndex(name)
		return at != nil && at[0] == 0 && at[1] == len(name)
	default:
		return slices.Contains(o.names, v1alpha1.VisibleName(name))
	}
}
