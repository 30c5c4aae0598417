package window

import (
	"testing"

	"github.com/stretchr/testify/require"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"data-space.liqo.io/pkg/values/v1alpha1"
)

// asks returns what the API server asks about a list with a label selector and a field selector of one name.
func asks(t *testing.T, verb, resource, selector, name string) authorizationv1.ResourceAttributes {
	t.Helper()
	a := authorizationv1.ResourceAttributes{Verb: verb, Version: "v1", Resource: resource}
	parsed, err := metav1.ParseToLabelSelector(selector)
	require.NoError(t, err)
	if selector != "" {
		a.LabelSelector = &authorizationv1.LabelSelectorAttributes{Requirements: parsed.MatchExpressions}
		for key, value := range parsed.MatchLabels {
			a.LabelSelector.Requirements = append(a.LabelSelector.Requirements, metav1.LabelSelectorRequirement{Key: key, Operator: metav1.LabelSelectorOpIn, Values: []string{value}})
		}
	}
	if name != "" {
		a.FieldSelector = &authorizationv1.FieldSelectorAttributes{
			Requirements: []metav1.FieldSelectorRequirement{{Key: "metadata.name", Operator: metav1.FieldSelectorOpIn, Values: []string{name}}},
		}
	}
	return a
}

func TestOnlyARightSelectorIsPermitted(t *testing.T) {
	gpu := &v1alpha1.Selector{MatchLabels: map[string]v1alpha1.LabelValue{"gpu": "true"}}
	lacking := func(operator metav1.LabelSelectorOperator, values ...v1alpha1.LabelValue) v1alpha1.Visibility {
		return nodes(&v1alpha1.Selector{MatchExpressions: []v1alpha1.Requirement{{Key: "internal", Operator: operator, Values: values}}})
	}
	g := NewGuests([]string{"pharma", "rival"}, []v1alpha1.GuestPolicy{
		policy("labelled", nodes(gpu)), policy("named", nodes(nil, "n1")), policy("all", nodes(&v1alpha1.Selector{})),
		policy("without", lacking(metav1.LabelSelectorOpDoesNotExist)), policy("other", lacking(metav1.LabelSelectorOpNotIn, "true")),
	})
	const own, tenant = "liqo.io/remote-cluster-id=pharma", ",!liqo.io/tenant-namespace"
	for _, c := range []struct {
		guest, verb, resource, selector, name string
		want                                  bool
	}{
		{"pharma", "list", "namespaces", own + tenant, "", true},
		{"pharma", "watch", "namespaces", "a=b," + own + tenant, "", true},
		{"pharma", "list", "namespaces", "liqo.io/remote-cluster-id in (pharma)" + tenant, "", true},
		{"pharma", "list", "namespaces", own, "", false},
		{"pharma", "list", "namespaces", "", "", false},
		{"pharma", "list", "namespaces", "liqo.io/remote-cluster-id in (pharma,rival)" + tenant, "", false},
		{"pharma", "list", "namespaces", "liqo.io/remote-cluster-id=rival" + tenant, "", false},
		{"pharma", "list", "namespaces", "liqo.io/remote-cluster-id" + tenant, "", false},
		{"pharma", "list", "namespaces", "liqo.io/remote-cluster-id notin (rival)" + tenant, "", false},
		{"pharma", "deletecollection", "namespaces", own + tenant, "", false},
		{"pharma", "list", "configmaps", own + tenant, "", false},
		{"pharma", "list", "nodes", "", "", false},
		{"labelled", "list", "nodes", "gpu=true", "", true},
		{"labelled", "watch", "nodes", "gpu=true,zone", "", true},
		{"labelled", "list", "nodes", "gpu", "", false},
		{"labelled", "list", "nodes", "gpu notin (true)", "", false},
		{"labelled", "list", "nodes", "", "n1", false},
		{"named", "list", "nodes", "", "n1", true},
		{"named", "list", "nodes", "", "n2", false},
		{"named", "list", "nodes", "gpu=true", "", false},
		{"all", "watch", "nodes", "", "n1", true},
		{"without", "list", "nodes", "!internal", "", true},
		{"without", "list", "nodes", "", "n1", false}, // an object without labels would be visible
		{"without", "watch", "nodes", "", "n1", false},
		{"other", "list", "nodes", "internal notin (true)", "n1", true},
		{"other", "list", "nodes", "", "n1", false},
		{"", "list", "namespaces", own + tenant, "", false},
	} {
		var ids []string
		if c.guest != "" {
			ids = []string{c.guest}
		}
		require.Equal(t, c.want, g.Permits(ids, asks(t, c.verb, c.resource, c.selector, c.name)), "%+v", c)
	}
	get := authorizationv1.ResourceAttributes{Verb: "get", Resource: "nodes", Name: "n1"}
	require.True(t, g.Permits([]string{"named"}, get), "its name makes it visible")
	for _, byLabels := range []string{"labelled", "without", "other"} {
		require.False(t, g.Permits([]string{byLabels}, get), "%s: its labels may be others, and may change until it is read", byLabels)
	}
	get.Subresource = "proxy"
	require.False(t, g.Permits([]string{"named"}, get))
	require.False(t, g.Without([]string{"taken"}).Permits([]string{"pharma"}, asks(t, "list", "namespaces", own+tenant, "")), "a disputed namespace has the label too")
	require.True(t, g.Without([]string{"taken"}).Permits([]string{"pharma"}, asks(t, "list", "namespaces", own+tenant+",kubernetes.io/metadata.name notin (taken)", "")))
}

func TestNoCertificateOfAGuestMayAsk(t *testing.T) {
	const name = "authorizer"
	names := []string{name}
	require.Empty(t, UnfitToAsk(Caller{User: name, Groups: []string{"system:authenticated"}}, names))
	for _, groups := range [][]string{{"liqo.io", "system:authenticated"}, {name, "system:authenticated"}, {"system:authenticated", "pharma"}} {
		require.Contains(t, UnfitToAsk(Caller{User: name, Groups: groups}, names), "issue a certificate without one", groups)
	}
	require.Contains(t, UnfitToAsk(Caller{User: "pharma", Groups: []string{"system:authenticated"}}, names), "--authorizer-callers")
}

// FuzzPermits tries selectors: a selector that is permitted selects only the guest's namespaces.
func FuzzPermits(f *testing.F) {
	for _, seed := range []string{
		"liqo.io/remote-cluster-id=pharma,!liqo.io/tenant-namespace", "liqo.io/remote-cluster-id in (pharma,x),!liqo.io/tenant-namespace", "a!=b", "liqo.io/remote-cluster-id",
		"liqo.io/remote-cluster-id=pharma,liqo.io/remote-cluster-id=rival,!liqo.io/tenant-namespace", "!liqo.io/remote-cluster-id,!liqo.io/tenant-namespace", "a in (),b notin (c)",
	} {
		f.Add(seed)
	}
	g := NewGuests([]string{"pharma"}, nil).Without([]string{"taken"})
	f.Fuzz(func(t *testing.T, text string) {
		selector, err := labels.Parse(text)
		if err != nil {
			return
		}
		parsed, err := metav1.ParseToLabelSelector(text)
		if err != nil {
			return
		}
		a := authorizationv1.ResourceAttributes{Verb: "list", Resource: "namespaces", LabelSelector: &authorizationv1.LabelSelectorAttributes{Requirements: parsed.MatchExpressions}}
		for key, value := range parsed.MatchLabels {
			a.LabelSelector.Requirements = append(a.LabelSelector.Requirements, metav1.LabelSelectorRequirement{Key: key, Operator: metav1.LabelSelectorOpIn, Values: []string{value}})
		}
		if !g.Permits([]string{"pharma"}, a) {
			return
		}
		for _, hidden := range []labels.Set{
			{}, {"liqo.io/remote-cluster-id": "rival"}, {"liqo.io/remote-cluster-id": "pharma", "liqo.io/tenant-namespace": "true"}, {"a": "b"},
			{"liqo.io/remote-cluster-id": "pharma", "kubernetes.io/metadata.name": "taken"},
		} {
			require.False(t, selector.Matches(hidden), "%q of %v", text, hidden)
		}
	})
}
