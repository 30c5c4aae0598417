package tolerations

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func TestANodeInATemplateNeedsTheTolerationToo(t *testing.T) {
	policy := New([]Taint{{Name: "study", Key: "k", Value: "v", Effect: corev1.TaintEffectNoSchedule}, {Name: "any-effect", Key: "l"}})
	reserved := []corev1.Taint{{Key: "k", Value: "v", Effect: corev1.TaintEffectNoSchedule}}
	both := append(slices.Clone(reserved), corev1.Taint{Key: "l", Effect: corev1.TaintEffectNoExecute})
	right := corev1.Toleration{Key: "k", Value: "v"}
	for what, c := range map[string]struct {
		taints []corev1.Taint
		absent bool
		own    []corev1.Toleration
		names  []string
	}{
		"a free node":                          {},
		"another value":                        {taints: []corev1.Taint{{Key: "k", Value: "w", Effect: corev1.TaintEffectNoSchedule}}},
		"another effect":                       {taints: []corev1.Taint{{Key: "k", Value: "v", Effect: corev1.TaintEffectNoExecute}}},
		"a reserved node":                      {taints: reserved, names: []string{"study"}},
		"a reserved node, tolerated":           {taints: reserved, own: []corev1.Toleration{right}},
		"a reserved node, tolerated otherwise": {taints: reserved, own: []corev1.Toleration{{Key: "k", Value: "w"}, {Key: "k", Value: "v", Effect: "NoExecute"}}, names: []string{"study"}},
		"reserved twice":                       {taints: both, own: []corev1.Toleration{right}, names: []string{"any-effect"}},
		"reserved twice, both tolerated":       {taints: both, own: []corev1.Toleration{right, {Key: "l", Effect: "NoExecute"}}},
		"an absent node":                       {absent: true, own: []corev1.Toleration{right, {Key: "l", Effect: "NoExecute"}}, names: []string{"any-effect"}},
	} {
		var names []string
		for _, finding := range policy.NodeOfTemplate("n", c.taints, c.absent, slices.All(c.own), field.NewPath("spec", "nodeName")) {
			names = append(names, finding.Taint)
			require.False(t, finding.Grantable, what)
			require.ErrorContains(t, finding.Error, "remove nodeName from the template", what)
		}
		require.Equal(t, c.names, names, what)
	}
	var many []Taint
	for i := range 2 * maxFindings {
		many = append(many, Taint{Name: fmt.Sprint(i), Key: "k"})
	}
	require.Len(t, New(many).NodeOfTemplate("n", nil, true, slices.All([]corev1.Toleration{}), nil), maxFindings)
}
