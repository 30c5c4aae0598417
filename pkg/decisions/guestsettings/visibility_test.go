package guestsettings

import (
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"data-space.liqo.io/pkg/values/v1alpha1"
)

const (
	toList   = v1alpha1.OperationList
	toUpdate = v1alpha1.OperationUpdate
	toDelete = v1alpha1.OperationDelete
)

func nodes() schema.GroupResource { return schema.GroupResource{Resource: "nodes"} }

func seen(t *testing.T, v v1alpha1.Visibility) Visible {
	t.Helper()
	visible, err := VisibilityOf(v1alpha1.GuestPolicySpec{Visibility: &v})
	require.NoError(t, err)
	return visible
}

func selector(key, value string) *v1alpha1.Selector {
	return &v1alpha1.Selector{MatchLabels: map[string]v1alpha1.LabelValue{key: v1alpha1.LabelValue(value)}}
}

func TestAGuestSeesWhatIsNamedAndNothingElse(t *testing.T) {
	v := seen(t, v1alpha1.Visibility{
		Nodes: []v1alpha1.VisibleObjects{
			{Names: []v1alpha1.VisibleName{"a"}, Operations: []v1alpha1.VisibleOperation{toList, toUpdate}},
			{Pattern: "gpu-[0-9]+|x"},
			{Selector: selector("pool", "guests"), Operations: []v1alpha1.VisibleOperation{toList, toDelete}},
		},
		Resources: []v1alpha1.VisibleResource{
			{Group: "a.example", Resource: "things", Objects: []v1alpha1.VisibleObjects{{Names: []v1alpha1.VisibleName{"b"}}}},
			{Group: "a.example", Resource: "things", Objects: []v1alpha1.VisibleObjects{{Names: []v1alpha1.VisibleName{"a", "b"}}}},
		},
	})
	things := schema.GroupResource{Group: "a.example", Resource: "things"}
	require.Equal(t, []schema.GroupResource{nodes(), things}, v.Kinds())
	for _, c := range []struct {
		operation v1alpha1.VisibleOperation
		name      string
		labels    labels.Set
		want      bool
	}{
		{toList, "a", nil, true}, {toUpdate, "a", nil, true}, {toDelete, "a", nil, false},
		{toList, "gpu-12", nil, true}, {toUpdate, "gpu-12", nil, false}, {toList, "x", nil, true},
		{toList, "big-gpu-1", nil, false}, {toList, "gpu-1x", nil, false}, {toList, "xx", nil, false}, {toList, "gpu-1\n", nil, false},
		{toList, "z", labels.Set{"pool": "guests"}, true}, {toDelete, "z", labels.Set{"pool": "guests"}, true}, {toDelete, "z", labels.Set{"pool": "other"}, false},
		{toList, "b", nil, false}, {toList, "", nil, false},
	} {
		require.Equal(t, c.want, v.Allows(nodes(), c.operation, c.name, c.labels), "%+v", c)
	}
	require.True(t, v.Grants(nodes(), toDelete))
	require.False(t, v.Grants(things, toUpdate))
	require.False(t, v.Allows(schema.GroupResource{Resource: "things"}, toList, "b", nil), "the kind of another group")

	names, exact := v.Names(things)
	require.True(t, exact)
	require.Equal(t, []string{"a", "b"}, names)
	_, exact = v.Names(nodes())
	require.False(t, exact)
	_, exact = v.Selector(nodes())
	require.False(t, exact)
}

func TestAPatternMatchesWholeNamesHoweverItIsWritten(t *testing.T) {
	for pattern, matches := range map[string]map[string]bool{
		"a|ab":      {"ab": true, "a": true, "abc": false},
		"(a|ab)(c)": {"abc": true, "ac": true},
		"(?U)a+":    {"aaa": true}, // lazy: it would stop at the first character
		"a+?":       {"aaa": true},
		"^a$":       {"a": true, "ab": false},
		"(?i)A":     {"a": true},
		`\Qa.b`:     {"a.b": true, "axb": false},
		"a)|(b":     nil,
	} {
		v, err := VisibilityOf(v1alpha1.GuestPolicySpec{Visibility: &v1alpha1.Visibility{Nodes: []v1alpha1.VisibleObjects{{Pattern: pattern}}}})
		if matches == nil {
			require.ErrorContains(t, err, "spec.visibility.nodes[0]: pattern", pattern)
			require.Empty(t, v.Kinds())
		}
		for name, want := range matches {
			require.NoError(t, err)
			require.Equal(t, want, v.Allows(nodes(), toList, name, nil), "%s %s", pattern, name)
		}
	}
}

func TestWhatOneSelectorExpressesTheAPIServerFilters(t *testing.T) {
	all := v1alpha1.VisibleObjects{Selector: &v1alpha1.Selector{}}
	for _, c := range []struct {
		objects []v1alpha1.VisibleObjects
		want    string
	}{
		{[]v1alpha1.VisibleObjects{{Selector: selector("a", "b")}}, "a=b"},
		{[]v1alpha1.VisibleObjects{all}, ""},
		{[]v1alpha1.VisibleObjects{{Names: []v1alpha1.VisibleName{"x"}}, all}, ""},
	} {
		s, exact := seen(t, v1alpha1.Visibility{Nodes: c.objects}).Selector(nodes())
		require.True(t, exact)
		require.Equal(t, c.want, s.String())
	}
	for _, v := range []Visible{{}, seen(t, v1alpha1.Visibility{})} {
		s, exact := v.Selector(nodes())
		require.True(t, exact)
		require.False(t, s.Matches(labels.Set{"a": "b"}), "nothing is granted")
		require.False(t, v.Allows(nodes(), toList, "a", nil))
	}
}

func TestWhatAdmissionWouldRefuseShowsNothing(t *testing.T) {
	good := v1alpha1.VisibleObjects{Names: []v1alpha1.VisibleName{"a"}}
	for message, bad := range map[string]v1alpha1.VisibleObjects{
		"nodes[1]: operations: ": {Names: []v1alpha1.VisibleName{"b"}, Operations: []v1alpha1.VisibleOperation{toDelete}},
		"nodes[1]: selector: ":   {Selector: selector("a b", "c")},
	} {
		v, err := VisibilityOf(v1alpha1.GuestPolicySpec{Visibility: &v1alpha1.Visibility{Nodes: []v1alpha1.VisibleObjects{good, bad}}})
		require.ErrorContains(t, err, message)
		require.False(t, v.Allows(nodes(), toList, "a", nil), "no part of the section is in force")
	}
}

func TestWhoseUserAnIdentityIs(t *testing.T) {
	subjects := func(guest string, subjects ...v1alpha1.Subject) v1alpha1.GuestPolicy {
		p := v1alpha1.GuestPolicy{Spec: v1alpha1.GuestPolicySpec{Visibility: &v1alpha1.Visibility{Subjects: subjects}}}
		p.Name = guest
		return p
	}
	policies := []v1alpha1.GuestPolicy{
		subjects("pharma", v1alpha1.Subject{Kind: "User", Name: "ann"}, v1alpha1.Subject{Kind: "ServiceAccount", Namespace: "tools", Name: "dashboard"}),
		subjects("rival", v1alpha1.Subject{Kind: "Group", Name: "auditors"}, v1alpha1.Subject{Kind: "User", Name: "system:admin"}),
		subjects("default", v1alpha1.Subject{Kind: "User", Name: "bob"}),
		{},
	}
	known := func(guest string) bool {
		return guest == "pharma" || guest == "rival" || guest == "system:authenticated" || guest == "default" || guest == ""
	}
	for _, c := range []struct {
		who  Identity
		want []string
	}{
		{Identity{User: "x", Groups: []string{"pharma", "system:authenticated", "default", ""}}, []string{"pharma"}},
		{Identity{User: "ann"}, []string{"pharma"}},
		{Identity{User: "ann", Groups: []string{"auditors", "pharma"}}, []string{"pharma", "rival"}},
		{Identity{User: "system:serviceaccount:tools:dashboard"}, []string{"pharma"}},
		{Identity{User: "system:serviceaccount:tools:other"}, nil},
		{Identity{User: "auditors"}, nil},
		{Identity{User: "pharma"}, nil},
		{Identity{User: "x", Groups: []string{"ann"}}, nil},
		{Identity{User: "bob"}, nil},
		{Identity{User: "system:admin"}, nil},
		{Identity{}, nil},
	} {
		require.Equal(t, c.want, GuestsOf(c.who, known, policies), "%+v", c.who)
	}
}
