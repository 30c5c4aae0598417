package leastpriv_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
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

// A guest chooses how many pods it has, what each mentions, and which pods a Service selects: what is done and kept for them is bounded for each of
// its namespaces. The Hospital's own workloads have no such bound.
func TestWhatAGuestsWorkloadsMakeTheControllerDoIsBounded(t *testing.T) {
	world := func(pods int, guests map[string]string) leastpriv.World {
		labels := map[string]string{"app": "same", apis.LabelNetpolAllow: "true"}
		w := leastpriv.World{Settings: leastpriv.DefaultSettings(), Namespaces: map[string]leastpriv.Namespace{"a": {Mode: leastpriv.Enforce, Labels: guests}}}
		w.Services = []*corev1.Service{{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "all"}, Spec: corev1.ServiceSpec{ClusterIP: corev1.ClusterIPNone, Selector: labels}}}
		var wishes leastpriv.Wishes
		for port := range uint16(leastpriv.NamesLimit) {
			wishes.All = append(wishes.All, leastpriv.Wish{Name: leastpriv.Name{Service: "all", Namespace: "a", Port: port + 1}, Where: "x"})
		}
		for i := range pods { // each mentions 1,000 ports of all
			w.Workloads = append(w.Workloads, leastpriv.Workload{
				Kind: leastpriv.KindPod, Namespace: "a", Name: fmt.Sprint("p", i), Labels: labels, Wishes: wishes, Selector: &metav1.LabelSelector{MatchLabels: labels},
			})
		}
		return w
	}
	takes := func(w leastpriv.World) (leastpriv.Result, uint64) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		result := leastpriv.Policies(w)
		runtime.ReadMemStats(&after)
		return result, after.TotalAlloc - before.TotalAlloc
	}
	pharma := map[string]string{apis.LabelRemoteCluster: "pharma"}
	_, unbounded := takes(world(12, nil))
	result, bounded := takes(world(100, pharma))
	t.Logf("100 pods: %d MiB; without the bound 12: %d MiB", bounded>>20, unbounded>>20)
	require.Greater(t, unbounded, uint64(50<<20), "the premise: without the bound it grows with the square of the number of pods")
	require.Less(t, bounded, 2*unbounded)
	require.Len(t, result.Policies, 100)
	require.True(t, slices.ContainsFunc(result.Findings, func(f leastpriv.Finding) bool {
		return strings.Contains(f.Message, "more peers and ports than are followed for one namespace of a guest")
	}))
}

// A guest has as many EndpointSlices as it likes, and each name of its Service leads to all of them.
func TestTheEndpointsOfAGuestAreBounded(t *testing.T) {
	w := leastpriv.World{Settings: leastpriv.DefaultSettings(), Namespaces: map[string]leastpriv.Namespace{
		"a": {Mode: leastpriv.Enforce, Labels: map[string]string{apis.LabelRemoteCluster: "pharma"}}, "b": {Mode: leastpriv.Enforce},
	}}
	var all []*discoveryv1.EndpointSlice
	for _, ns := range []string{"a", "b"} {
		for i := range 30 {
			slice := &discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: fmt.Sprint("s", i), Labels: map[string]string{discoveryv1.LabelServiceName: "x"}}}
			slice.Ports = []discoveryv1.EndpointPort{{Name: new(string), Port: new(int32), Protocol: new(corev1.ProtocolTCP)}}
			for j := range 1000 {
				slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{Addresses: []string{fmt.Sprintf("203.0.%d.%d", i*4+j/250, j%250)}})
			}
			all = append(all, slice)
		}
	}
	w.Slices = w.BoundedSlices(all)
	require.Len(t, w.Slices, 5+30, "the Hospital's are all followed")
	slices.Reverse(all)
	require.Equal(t, w.Slices, w.BoundedSlices(all), "whatever their order")

	w.Services = []*corev1.Service{{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "x"}, Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 1}}}}}
	var wishes leastpriv.Wishes
	for range leastpriv.NamesLimit {
		wishes.All = append(wishes.All, leastpriv.Wish{Name: leastpriv.Name{Service: "x", Namespace: "a"}, Where: "y"})
	}
	for i := range 200 {
		labels := map[string]string{"app": fmt.Sprint(i)}
		w.Workloads = append(w.Workloads, leastpriv.Workload{
			Kind: leastpriv.KindPod, Namespace: "a", Name: fmt.Sprint("p", i), Labels: labels, Wishes: wishes, Selector: &metav1.LabelSelector{MatchLabels: labels},
		})
	}
	followed := 0
	for _, f := range leastpriv.Policies(w).Findings {
		require.Contains(t, f.Message, "more peers and ports than are followed for one namespace of a guest")
		followed++
	}
	require.Greater(t, followed, 190, "200,000 names of 5,000 addresses each are a thousand million to look at; 30,000 stand for a share of them")
}

func TestThePoliciesOfAGuestsNamespaceAreBoundedTogether(t *testing.T) {
	w := leastpriv.World{Settings: leastpriv.DefaultSettings(), Namespaces: map[string]leastpriv.Namespace{
		"a": {Mode: leastpriv.Enforce, Labels: map[string]string{apis.LabelRemoteCluster: "pharma"}}, "b": {Mode: leastpriv.Enforce},
	}}
	for i := range 400 {
		labels := map[string]string{"app": fmt.Sprint(i)}
		for j := range 70 {
			labels[fmt.Sprint("label", j)] = strings.Repeat("x", 63)
		}
		for _, ns := range []string{"a", "b"} {
			w.Workloads = append(w.Workloads, leastpriv.Workload{
				Kind: leastpriv.KindPod, Namespace: ns, Name: fmt.Sprint("p", i), Labels: labels, Selector: &metav1.LabelSelector{MatchLabels: labels},
			})
		}
	}
	result, size, others := leastpriv.Policies(w), 0, 0
	for _, p := range result.Policies {
		text, err := json.Marshal(p)
		require.NoError(t, err)
		if p.Namespace == "a" {
			size += len(text)
		} else {
			others++
		}
	}
	require.Equal(t, 401, others, "the guest's take no room of the Hospital's")
	require.Less(t, size, 8<<20)
	require.Contains(t, result.Findings[0].Message, "it has no policy of its own and its pods stay closed")
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
	require.True(t, leastpriv.HasOwnPolicy(owned("apps/v1", "StatefulSet", true)))
	require.True(t, leastpriv.HasOwnPolicy(owned("batch/v1", "Job", true)))
	require.False(t, leastpriv.HasOwnPolicy(owned("apps/v1", "StatefulSet", false)))
	require.False(t, leastpriv.HasOwnPolicy(owned("batch/v1", "StatefulSet", true)))
	require.False(t, leastpriv.HasOwnPolicy(owned("v1", "ReplicationController", true)))
	require.False(t, leastpriv.HasOwnPolicy(&corev1.Pod{}))
	_, ok := leastpriv.TemplateOf(&corev1.Service{})
	require.False(t, ok)
}
