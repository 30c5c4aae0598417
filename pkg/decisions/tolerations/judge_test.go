package tolerations

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func path() *field.Path { return field.NewPath("spec", "tolerations") }

func study() Taint {
	return Taint{Name: "study-nodes", Key: "reserved", Value: "study", Users: []string{"alice"}, Groups: []string{"team"}}
}

func equal(value string, effect corev1.TaintEffect) corev1.Toleration {
	return corev1.Toleration{Key: "reserved", Operator: corev1.TolerationOpEqual, Value: value, Effect: effect}
}

func TestARefusalNamesTaintSubjectFieldAndWayOut(t *testing.T) {
	policy := New([]Taint{study()})
	found := policy.Tolerations(Subject{User: "bob"}, list(equal("other", ""), equal("study", "NoSchedule")), nil, path())
	require.Len(t, found, 1)
	require.True(t, found[0].Grantable)
	require.Equal(t, "study-nodes", found[0].Taint)
	require.EqualError(t, found[0].Error, `spec.tolerations[1]: Forbidden: it tolerates the taint reserved=study, which reserves nodes, and user "bob" has no right to it; `+
		`remove the toleration, or have the Hospital add the user or one of its groups to allowedUsers or allowedGroups of ProtectedTaint "study-nodes", or grant the verb tolerate on it by RBAC`)

	found = policy.Tolerations(Subject{User: "alice"}, list(corev1.Toleration{Key: "reserved", Operator: corev1.TolerationOpExists}), nil, path())
	require.Len(t, found, 1)
	require.False(t, found[0].Grantable)
	require.ErrorContains(t, found[0].Error, `no user may have it, user "alice" included; use operator Equal with another value, or remove the toleration`)

	found = policy.Tolerations(Subject{Guest: "pharma", User: "alice"}, list(equal("study", "")), nil, path())
	require.ErrorContains(t, found[0].Error, `guest "pharma" has no right to it; remove the toleration, or have the Hospital add the taint to spec.scheduling.taints of the GuestPolicy "pharma"`)
	found = policy.Tolerations(Subject{Guest: "pharma", Policy: "default"}, list(equal("study", "")), nil, path())
	require.ErrorContains(t, found[0].Error, `spec.scheduling.taints of the GuestPolicy "default"`)
}

func TestOnlyAddedTolerationsCount(t *testing.T) {
	seconds := func(n int64) *int64 { return &n }
	policy, bob := New([]Taint{study()}), Subject{User: "bob"}
	lasting := func(n *int64) corev1.Toleration {
		toleration := equal("study", corev1.TaintEffectNoExecute)
		toleration.TolerationSeconds = n
		return toleration
	}
	spelled := equal("study", corev1.TaintEffectNoExecute)
	spelled.Operator = ""
	for what, c := range map[string]struct {
		before, now []corev1.Toleration
		refused     bool
	}{
		"the same":                {[]corev1.Toleration{equal("study", "")}, []corev1.Toleration{equal("study", "")}, false},
		"another order":           {[]corev1.Toleration{equal("a", ""), equal("study", "")}, []corev1.Toleration{equal("study", ""), equal("a", ""), equal("study", "")}, false},
		"another one added":       {[]corev1.Toleration{equal("study", "")}, []corev1.Toleration{equal("x", ""), equal("study", "")}, false},
		"one removed":             {[]corev1.Toleration{equal("study", ""), equal("x", "")}, []corev1.Toleration{equal("study", "")}, false},
		"the default operator":    {[]corev1.Toleration{lasting(nil)}, []corev1.Toleration{spelled}, false},
		"added":                   {[]corev1.Toleration{equal("x", "")}, []corev1.Toleration{equal("x", ""), equal("study", "")}, true},
		"a wider effect":          {[]corev1.Toleration{equal("study", "NoSchedule")}, []corev1.Toleration{equal("study", "")}, true},
		"another effect":          {[]corev1.Toleration{equal("study", "NoSchedule")}, []corev1.Toleration{equal("study", "NoExecute")}, true},
		"any value":               {[]corev1.Toleration{equal("study", "")}, []corev1.Toleration{{Key: "reserved", Operator: "Exists"}}, true},
		"for longer":              {[]corev1.Toleration{lasting(seconds(5))}, []corev1.Toleration{lasting(seconds(6))}, true},
		"for ever":                {[]corev1.Toleration{lasting(seconds(5))}, []corev1.Toleration{lasting(nil)}, true},
		"for a shorter time":      {[]corev1.Toleration{lasting(nil)}, []corev1.Toleration{lasting(seconds(6))}, false},
		"the longest of two":      {[]corev1.Toleration{lasting(seconds(5)), lasting(seconds(9))}, []corev1.Toleration{lasting(seconds(9))}, false},
		"two ways to say no time": {[]corev1.Toleration{lasting(seconds(0))}, []corev1.Toleration{lasting(seconds(-1))}, false},
	} {
		require.Equal(t, c.refused, len(policy.Tolerations(bob, list(c.now...), list(c.before...), path())) > 0, what)
	}
}

func TestEachOfSeveralTaintsIsDecidedByItself(t *testing.T) {
	policy := New([]Taint{
		{Name: "all", Key: "reserved", Value: "study", Users: []string{"alice"}},
		{Name: "running", Key: "reserved", Value: "study", Effect: corev1.TaintEffectNoExecute, Users: []string{"alice", "bob"}},
		{Name: "gpu", Key: "gpu"},
	})
	refused := func(s Subject, tolerations ...corev1.Toleration) (names []string) {
		for _, finding := range policy.Tolerations(s, list(tolerations...), nil, path()) {
			names = append(names, finding.Taint)
		}
		return names
	}
	require.Empty(t, refused(Subject{User: "alice"}, equal("study", "")))
	require.Equal(t, []string{"all"}, refused(Subject{User: "bob"}, equal("study", "")), "to be listed in one is no right to the other")
	require.Equal(t, []string{"all", "running"}, refused(Subject{User: "carol"}, equal("study", "NoExecute")))
	require.Equal(t, []string{"all"}, refused(Subject{User: "carol"}, equal("study", "NoSchedule")))
	require.Equal(t, []string{"all", "running", "gpu"}, refused(Subject{User: "alice"}, corev1.Toleration{Operator: corev1.TolerationOpExists}))
	require.Equal(t, []string{"gpu"}, refused(Subject{User: "alice"}, corev1.Toleration{Key: "gpu"}), "a taint without a value is one whose value is empty")
	require.Empty(t, refused(Subject{User: "carol"}, corev1.Toleration{Key: "gpu", Value: "x"}))
	require.True(t, (*Policy)(nil).Empty())
	require.True(t, New(nil).Empty())
	require.False(t, policy.Empty())
}

func TestAGuestHasWhatItsPolicyGrants(t *testing.T) {
	policy := New([]Taint{study()})
	value := func(text string) *string { return &text }
	granted := func(taints ...Grant) func(corev1.Toleration) bool {
		return func(toleration corev1.Toleration) bool {
			return len(policy.Tolerations(Subject{Guest: "pharma", Granted: taints}, list(toleration), nil, path())) == 0
		}
	}
	whole := granted(Grant{Key: "reserved", Value: value("study")})
	require.True(t, whole(equal("study", "")))
	require.True(t, whole(equal("study", "NoExecute")))
	require.False(t, whole(corev1.Toleration{Key: "reserved", Operator: corev1.TolerationOpExists}))
	part := granted(Grant{Key: "reserved", Value: value("study"), Effect: "NoSchedule"})
	require.True(t, part(equal("study", "NoSchedule")))
	require.False(t, part(equal("study", "NoExecute")))
	require.False(t, part(equal("study", "")), "without an effect it tolerates the others, too")
	require.False(t, granted(Grant{Key: "reserved", Value: value("x")})(equal("study", "")))
	require.True(t, granted(Grant{Key: "reserved"})(equal("study", "")), "any value")
	require.False(t, granted(Grant{Key: "other"})(equal("study", "")))
	require.False(t, granted()(equal("study", "")))
}

func TestWhatTheAPIServerGivesEveryPodIsNoFinding(t *testing.T) {
	policy, five := New([]Taint{{Name: "lost", Key: corev1.TaintNodeNotReady}}), int64(300)
	standard := corev1.Toleration{Key: corev1.TaintNodeNotReady, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: &five}
	require.Empty(t, policy.Tolerations(Subject{}, list(standard), nil, path()))
	standard.TolerationSeconds = nil
	require.NotEmpty(t, policy.Tolerations(Subject{}, list(standard), nil, path()))
}

func TestANodeByNameIsDecidedLikeATolerationOfItsTaints(t *testing.T) {
	policy := New([]Taint{study(), {Name: "gpu", Key: "gpu", Effect: corev1.TaintEffectNoSchedule}})
	taints := []corev1.Taint{{Key: "reserved", Value: "study", Effect: "NoSchedule"}, {Key: "gpu", Effect: "NoExecute"}, {Key: "reserved", Value: "other", Effect: "NoSchedule"}}
	at := field.NewPath("spec", "nodeName")
	require.Empty(t, policy.Node(Subject{User: "alice"}, "node-1", taints, at))
	found := policy.Node(Subject{User: "bob"}, "node-1", taints, at)
	require.Len(t, found, 1)
	require.EqualError(t, found[0].Error, `spec.nodeName: Forbidden: node "node-1" has the taint reserved=study, which reserves nodes, and user "bob" has no right to it; leave the node to the scheduler, `+
		`or have the Hospital add the user or one of its groups to allowedUsers or allowedGroups of ProtectedTaint "study-nodes", or grant the verb tolerate on it by RBAC`)
	require.Empty(t, policy.Node(Subject{User: "bob"}, "node-2", nil, at))
}

// A pod that names a node before it is there is on it once it is, whatever taint it then has.
func TestANodeThatDoesNotExistMayComeWithAnyTaint(t *testing.T) {
	policy, at := New([]Taint{study(), {Name: "gpu", Key: "gpu"}}), field.NewPath("spec", "nodeName")
	found := policy.Absent(Subject{User: "alice"}, "node-9", at)
	require.Len(t, found, 1)
	require.True(t, found[0].Grantable)
	require.ErrorContains(t, found[0].Error, `spec.nodeName: Forbidden: node "node-9" does not exist; once it does, it may have the taint gpu, which reserves nodes, and user "alice" has no right to it; name a node that exists`)
	require.Len(t, policy.Absent(Subject{User: "bob"}, "node-9", at), 2)
	require.Len(t, New(slices.Repeat([]Taint{study()}, 2*maxFindings)).Absent(Subject{User: "bob"}, "node-9", at), maxFindings)
}

// 20,000 tolerations and 50 protected taints: what is done grows with their sum, what is reported has a bound.
func TestWorkIsBounded(t *testing.T) {
	var taints []Taint
	for i := range 50 {
		taints = append(taints, Taint{Name: fmt.Sprint(i), Key: fmt.Sprintf("key-%d", i), Value: strings.Repeat("x", 63)})
	}
	policy := New(taints)
	many := make([]corev1.Toleration, 20_000)
	for i := range many {
		many[i] = corev1.Toleration{Key: fmt.Sprintf("key-%d", i%50), Value: fmt.Sprint(i)}
	}
	require.Empty(t, policy.Tolerations(Subject{User: "bob"}, list(many...), nil, path()))
	for i := range many {
		many[i] = corev1.Toleration{Operator: corev1.TolerationOpExists}
	}
	require.Len(t, policy.Tolerations(Subject{User: strings.Repeat("u", 1<<20)}, list(many...), nil, path()), maxFindings)
}
