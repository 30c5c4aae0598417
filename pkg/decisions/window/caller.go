package window

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"data-space.liqo.io/pkg/decisions/guestsettings"
	"data-space.liqo.io/pkg/values/v1alpha1"
)

// Caller is who sends a request, as authenticated.
type Caller = guestsettings.Identity

// Guests are the guests that the Hospital knows, and what each of them sees. It does not change.
type Guests struct {
	policies []v1alpha1.GuestPolicy
	visible  map[string]guestsettings.Visible
	disputed []string // names of namespaces that bear one guest's label, and are another's
}

// Without returns the guests as they are while these namespaces bear one guest's label and are another's: no guest sees them.
func (g Guests) Without(disputed []string) Guests {
	g.disputed = disputed
	return g
}

// NewGuests returns the guests that have namespaces here or a GuestPolicy. The visibility of a guest whose GuestPolicy is malformed shows
// nothing.
func NewGuests(ids []string, policies []v1alpha1.GuestPolicy) Guests {
	g := Guests{policies: policies, visible: map[string]guestsettings.Visible{}}
	var base v1alpha1.GuestPolicySpec
	own := map[string]v1alpha1.GuestPolicySpec{}
	for _, id := range ids {
		own[id] = v1alpha1.GuestPolicySpec{}
	}
	for i := range policies {
		if policies[i].Name == v1alpha1.DefaultGuestPolicy {
			base = policies[i].Spec
			continue
		}
		own[policies[i].Name] = policies[i].Spec
	}
	for id, spec := range own {
		visible, err := guestsettings.VisibilityOf(guestsettings.Merge(base, spec))
		if err != nil {
			visible = guestsettings.Visible{}
		}
		g.visible[id] = visible
	}
	return g
}

// Of returns the cluster ids of the guests that a caller belongs to, in order.
func (g Guests) Of(c Caller) []string {
	known := func(id string) bool { _, known := g.visible[id]; return known }
	return guestsettings.GuestsOf(c, known, g.policies)
}

func (g Guests) visibleTo(ids []string, kind schema.GroupResource) Visible {
	v := Visible{kind: kind}
	for _, id := range ids {
		if visible := g.visible[id]; visible.Grants(kind, v1alpha1.OperationList) {
			v.by = append(v.by, visible)
		}
	}
	return v
}

// Shows reports whether an object is visible. An object of a namespace never is: visibility is about cluster-scoped kinds.
func (v Visible) Shows(name, namespace string, set map[string]string) bool {
	return namespace == "" && (v.bySelector || v.allows(v1alpha1.OperationList, name, set))
}

// ShowsName reports whether an object of this name is visible with any labels.
func (v Visible) ShowsName(name string) bool {
	return slices.ContainsFunc(v.by, func(one guestsettings.Visible) bool { return one.AllowsName(v.kind, name) })
}

func (v Visible) allows(operation v1alpha1.VisibleOperation, name string, set map[string]string) bool {
	return slices.ContainsFunc(v.by, func(one guestsettings.Visible) bool { return one.Allows(v.kind, operation, name, set) })
}

// grants reports whether the caller may do this with some objects of the kind.
func (v Visible) grants(operation v1alpha1.VisibleOperation) bool {
	return slices.ContainsFunc(v.by, func(one guestsettings.Visible) bool { return one.Grants(v.kind, operation) })
}

// ByLabels reports whether the proxy decides by labels: an object may then become hidden while it exists.
func (v Visible) ByLabels() bool {
	return !v.bySelector && slices.ContainsFunc(v.by, func(one guestsettings.Visible) bool { return one.ByLabels(v.kind) })
}

// Unfit returns why a caller is not served, or "". An administrator and a node have no use of the proxy, and the proxy does not need the
// right to act as one.
func Unfit(c Caller) string {
	switch {
	case c.User == "" || c.User == "system:anonymous":
		return "the caller has no name"
	case slices.Contains(c.Groups, "system:masters") || slices.Contains(c.Groups, "system:nodes") || strings.HasPrefix(c.User, "system:node:"):
		return "the API proxy does not act for system:masters and for nodes; call the API server itself"
	}
	return ""
}

// Rule is what callers may do with their objects of one kind.
type Rule struct {
	Kind  schema.GroupResource
	Verbs []string
}

// Rules returns what a caller of these guests may do with the caller's own objects.
func (g Guests) Rules(ids []string) []Rule {
	reads := []string{"get", "list", "watch"}
	rules := []Rule{{schema.GroupResource{Resource: "namespaces"}, reads}}
	if len(g.visibleTo(ids, volumes()).by) == 0 {
		rules = append(rules, Rule{volumes(), reads}) // of its own claims
	}
	for _, id := range ids {
		for _, kind := range g.visible[id].Kinds() {
			v := g.visibleTo(ids, kind)
			if len(v.by) == 0 || slices.ContainsFunc(rules, func(r Rule) bool { return r.Kind == kind }) {
				continue
			}
			verbs := slices.Clone(reads)
			if v.grants(v1alpha1.OperationUpdate) {
				verbs = append(verbs, "update", "patch")
			}
			if v.grants(v1alpha1.OperationDelete) {
				verbs = append(verbs, "delete")
			}
			rules = append(rules, Rule{kind, verbs})
		}
	}
	if len(g.visibleTo(ids, nodesKind()).by) > 0 && len(g.visibleTo(ids, nodeMetrics()).by) == 0 {
		rules = append(rules, Rule{nodeMetrics(), []string{"get", "list"}})
	}
	return rules
}
