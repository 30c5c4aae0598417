package leastpriv_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"data-space.liqo.io/pkg/decisions/leastpriv"
	"data-space.liqo.io/pkg/values/apis"
)

func TestLongNamesAreHashedAndNoTwoAreTheSame(t *testing.T) {
	require.Equal(t, "data-space-deployment-web", leastpriv.PolicyName(leastpriv.KindDeployment, "web"))
	long := strings.Repeat("a", 252)
	seen := map[string]string{}
	for _, name := range []string{
		long + "b", long + "c", long, strings.Repeat("a", 253-len("data-space-statefulset-")), strings.Repeat("a.", 126) + "b", strings.Repeat("a-", 126) + "b",
	} {
		policy := leastpriv.PolicyName(leastpriv.KindStatefulSet, name)
		require.LessOrEqual(t, len(policy), 253)
		require.Regexp(t, `^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`, policy)
		require.Empty(t, seen[policy], "%s and %s", name, seen[policy])
		seen[policy] = name
		// A name that somebody chooses to be equal to a hashed one.
		if rest, hashed := strings.CutPrefix(policy, "data-space-statefulset."); hashed {
			require.NotEqual(t, policy, leastpriv.PolicyName(leastpriv.KindStatefulSet, rest))
		}
	}
}

// crowd is a namespace of n workloads, each of which names each of its Services.
func crowd(n int) leastpriv.World {
	w := leastpriv.World{Settings: leastpriv.DefaultSettings(), Namespaces: map[string]leastpriv.Namespace{"a": {Mode: leastpriv.Enforce}}}
	for i := range n {
		labels := map[string]string{"app": fmt.Sprint("w", i), apis.LabelManagedBy: "helm"}
		w.Services = append(w.Services, &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: fmt.Sprint("s", i)},
			Spec:       corev1.ServiceSpec{Selector: map[string]string{"app": fmt.Sprint("w", i)}, Ports: []corev1.ServicePort{{Port: 80}, {Port: 443}}},
		})
		var wishes leastpriv.Wishes
		for j := range n {
			wishes.All = append(wishes.All, leastpriv.Wish{Name: leastpriv.Name{Service: fmt.Sprint("s", j), Namespace: "a"}, Where: strings.Repeat("x", 100)})
		}
		w.Workloads = append(w.Workloads, leastpriv.Workload{
			Kind: leastpriv.KindDeployment, Namespace: "a", Name: fmt.Sprint("w", i), Labels: labels, Wishes: wishes, Selector: &metav1.LabelSelector{MatchLabels: labels},
		})
	}
	return w
}

func TestAPolicyIsBounded(t *testing.T) {
	result := leastpriv.Policies(crowd(300))
	require.Len(t, result.Policies, 301)
	require.Len(t, result.Findings, 600, "each workload, each direction")
	require.Contains(t, result.Findings[0].Message, "ingress peers are left out: a policy has at most 200")
	for _, p := range result.Policies[:300] {
		require.LessOrEqual(t, len(p.Spec.Ingress), 201)
		require.LessOrEqual(t, len(p.Spec.Egress), 203)
		reasons := p.Annotations[leastpriv.AnnotationReasons]
		require.LessOrEqual(t, len(reasons), 17<<10)
		require.Regexp(t, `and \d+ more\n$`, reasons)
	}
}

// A guest's Service has as many ports, and as long a selector, as it likes; a policy of the Hospital's that names it can be stored all the same.
func TestAServiceOfAGuestDoesNotOutgrowThePolicyThatNamesIt(t *testing.T) {
	for what, large := range map[string]func(*corev1.Service){
		"ports": func(s *corev1.Service) {
			for i := range 20_000 {
				s.Spec.Ports = append(s.Spec.Ports, corev1.ServicePort{Name: fmt.Sprint("p", i), Port: int32(i + 1)})
			}
		},
		"labels": func(s *corev1.Service) {
			for i := range 20_000 {
				s.Spec.Selector[fmt.Sprint("label-", i)] = "value"
			}
		},
	} {
		w := crowd(2)
		w.Services[1].Spec.Selector = maps.Clone(w.Services[1].Spec.Selector)
		large(w.Services[1])
		var left []string
		result := leastpriv.Policies(w)
		for _, f := range result.Findings {
			left = append(left, f.Message)
		}
		require.Contains(t, left, "1 of 2 egress peers are left out: their labels and ports are too long for a policy", what)
		for _, p := range result.Policies {
			text, err := json.Marshal(p)
			require.NoError(t, err)
			require.Less(t, len(text), 1_400_000, what)
		}
	}
}

func TestTheOrderOfObjectsChangesNothing(t *testing.T) {
	w := crowd(20)
	before := leastpriv.Policies(w)
	slices.Reverse(w.Workloads)
	slices.Reverse(w.Services)
	require.Equal(t, before.Policies, leastpriv.Policies(w).Policies)
}

func TestPodsWithoutLabelsAreNotSelectedWhereLabelsAreTooMany(t *testing.T) {
	w := leastpriv.World{Settings: leastpriv.DefaultSettings(), Namespaces: map[string]leastpriv.Namespace{"a": {Mode: leastpriv.Enforce}}}
	w.Workloads = []leastpriv.Workload{{Kind: leastpriv.KindPod, Namespace: "a", Name: "bare"}}
	require.Len(t, leastpriv.Policies(w).Policies, 2, "alone it is selected")
	labels := map[string]string{}
	for i := range 101 {
		labels[fmt.Sprint("k", i)] = ""
	}
	w.Pods = []leastpriv.Pod{{Namespace: "a", Name: "many", Labels: labels}}
	result := leastpriv.Policies(w)
	require.Len(t, result.Policies, 1, "the one that closes the namespace")
	require.Equal(t, "no label distinguishes its pods from others of the namespace: they stay closed; give them a label", result.Findings[0].Message)
}

func TestOnlyTheKindsOfKubernetesAreFollowed(t *testing.T) {
	owned := func(version, kind string, controller bool) *corev1.Pod {
		return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{OwnerReferences: []metav1.OwnerReference{{APIVersion: version, Kind: kind, Controller: &controller}}}}
	}
	require.True(t, leastpriv.Followed(owned("apps/v1", "StatefulSet", true)))
	require.True(t, leastpriv.Followed(owned("batch/v1", "Job", true)))
	require.False(t, leastpriv.Followed(owned("apps/v1", "StatefulSet", false)))
	require.False(t, leastpriv.Followed(owned("batch/v1", "StatefulSet", true)))
	require.False(t, leastpriv.Followed(owned("v1", "ReplicationController", true)))
	require.False(t, leastpriv.Followed(&corev1.Pod{}))
	_, ok := leastpriv.TemplateOf(&corev1.Service{})
	require.False(t, ok)
}
