package tolerations

import (
	"iter"
	"slices"
	"testing"

	"github.com/go-logr/logr"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	helpers "k8s.io/component-helpers/scheduling/corev1"
)

// schedulerTolerates returns the effects with which the scheduler's own function has the toleration tolerate the taint.
func schedulerTolerates(t corev1.Toleration, p Taint) []corev1.TaintEffect {
	var effects []corev1.TaintEffect
	for _, effect := range p.effects() {
		taint := corev1.Taint{Key: p.Key, Value: p.Value, Effect: effect}
		if helpers.TolerationsTolerateTaint(logr.Discard(), []corev1.Toleration{t}, &taint, true) {
			effects = append(effects, effect)
		}
	}
	return effects
}

// everyToleration walks all combinations of these fields.
func everyToleration(yield func(corev1.Toleration) bool) {
	for _, key := range []string{"", "reserved", "Reserved", "other"} {
		for _, operator := range []corev1.TolerationOperator{"", "Equal", "Exists", "Gt", "Lt", "equal", "NotIn"} {
			for _, value := range []string{"", "study", "7", "07", "+7", "-7", "8", "9223372036854775808"} {
				for _, effect := range append(allEffects(), "", "Other") {
					if !yield(corev1.Toleration{Key: key, Operator: operator, Value: value, Effect: effect}) {
						return
					}
				}
			}
		}
	}
}

func everyTaint() []Taint {
	var all []Taint
	for _, key := range []string{"reserved", "other"} {
		for _, value := range []string{"", "study", "7", "-7", "07", "8"} {
			for _, effect := range append(allEffects(), "") {
				all = append(all, Taint{Name: "nodes", Key: key, Value: value, Effect: effect, Users: []string{"alice"}, Groups: []string{"team"}})
			}
		}
	}
	return all
}

func TestMatchingIsTheSchedulers(t *testing.T) {
	count := 0
	for toleration := range everyToleration {
		for _, taint := range everyTaint() {
			require.Equal(t, schedulerTolerates(toleration, taint), tolerated(&toleration, &taint), "%+v and %+v", toleration, taint)
			count++
		}
	}
	require.Greater(t, count, 50_000)
}

// What a decision must be follows from the scheduler's function and from the form of the toleration alone.
func TestNoUserWithoutARightGetsATolerationThatTheSchedulerMatches(t *testing.T) {
	subjects := map[string]struct {
		subject Subject
		listed  bool
	}{
		"listed user":                 {Subject{User: "alice"}, true},
		"listed group":                {Subject{User: "bob", Groups: []string{"a", "team"}}, true},
		"other user":                  {Subject{User: "bob", Groups: []string{"alice"}}, false},
		"no user":                     {Subject{}, false},
		"guest, sent by the listed":   {Subject{User: "alice", Groups: []string{"team"}, Guest: "pharma"}, false},
		"guest whose group is listed": {Subject{Guest: "team"}, true},
	}
	for what, s := range subjects {
		for toleration := range everyToleration {
			for _, taint := range everyTaint() {
				refused := len(New([]Taint{taint}).Tolerations(s.subject, list(toleration), nil, path())) > 0
				wide := toleration.Key == "" || toleration.Operator == corev1.TolerationOpExists
				want := len(schedulerTolerates(toleration, taint)) > 0 && (wide || !s.listed)
				require.Equal(t, want, refused, "%s: %+v and %+v", what, toleration, taint)
			}
		}
	}
}

func FuzzTolerations(f *testing.F) {
	f.Add("reserved", "Equal", "study", "", "reserved", "study", "NoSchedule", "alice", uint16(3))
	f.Add("", "Exists", "", "NoExecute", "reserved", "", "", "bob", uint16(1))
	f.Add("reserved", "Gt", "6", "", "reserved", "7", "NoExecute", "bob", uint16(20_000))
	f.Add("reserved", "Lt", "-0", "", "reserved", "-1", "", "bob", uint16(2))
	f.Add("", "", "study", "", "reserved", "study", "", "", uint16(0))
	f.Fuzz(func(t *testing.T, key, operator, value, effect, taintKey, taintValue, taintEffect, user string, count uint16) {
		toleration := corev1.Toleration{Key: key, Operator: corev1.TolerationOperator(operator), Value: value, Effect: corev1.TaintEffect(effect)}
		taint := Taint{Name: "nodes", Key: taintKey, Value: taintValue, Effect: corev1.TaintEffect(taintEffect), Users: []string{"alice"}}
		matched := schedulerTolerates(toleration, taint)
		require.Equal(t, matched, tolerated(&toleration, &taint))

		policy, s := New([]Taint{taint}), Subject{User: user}
		once := policy.Tolerations(s, list(toleration), nil, path())
		require.Equal(t, len(matched) > 0 && (open(&toleration) || user != "alice"), len(once) > 0)

		// However many there are and wherever it stands among others, it is found, and what is reported has a bound.
		many := slices.Repeat([]corev1.Toleration{{Key: taintKey + "x", Operator: corev1.TolerationOpExists}}, int(count))
		many = append(many, toleration)
		found := policy.Tolerations(s, list(many...), nil, path())
		require.Len(t, found, len(once))
		require.LessOrEqual(t, len(policy.Tolerations(s, list(slices.Repeat([]corev1.Toleration{toleration}, int(count))...), nil, path())), maxFindings)

		// What was there before is never refused, in any order.
		slices.Reverse(many)
		require.Empty(t, policy.Tolerations(s, list(toleration), list(many...), path()))
	})
}

func list(tolerations ...corev1.Toleration) iter.Seq2[int, corev1.Toleration] {
	return slices.All(tolerations)
}
