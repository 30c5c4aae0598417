//go:build api

package webhook

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/decisions/envoy"
	"data-space.liqo.io/pkg/decisions/inject"
)

// quotaOf returns a ResourceQuota with these amounts as hard limits, and as what its controller would have counted: none runs here, and the
// API server refuses what a quota without a status covers.
func (w *world) quotaOf(t *testing.T, namespace string, hard corev1.ResourceList) {
	t.Helper()
	q := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "share"}, Spec: corev1.ResourceQuotaSpec{Hard: hard}}
	w.create(t, q)
	q.Status.Hard, q.Status.Used = hard, corev1.ResourceList{}
	for name := range hard {
		q.Status.Used[name] = resource.MustParse("0")
	}
	require.NoError(t, w.client.SubResource("status").Update(t.Context(), q))
}

func amounts(pairs ...string) corev1.ResourceList {
	list := corev1.ResourceList{}
	for i := 0; i < len(pairs); i += 2 {
		list[corev1.ResourceName(pairs[i])] = resource.MustParse(pairs[i+1])
	}
	return list
}

func with(p *corev1.Pod, limits, requests corev1.ResourceList) *corev1.Pod {
	p.Spec.Containers[0].Resources = corev1.ResourceRequirements{Limits: limits, Requests: requests}
	return p
}

// admitted waits until a pod is admitted: the webhook's cache may be a moment behind what the story has just made.
func (w *world) admitted(t *testing.T, p *corev1.Pod, what string) *corev1.Pod {
	t.Helper()
	var last error
	require.Eventually(t, func() bool {
		attempt := p.DeepCopy()
		if last = w.client.Create(t.Context(), attempt); last == nil {
			*p = *attempt
		}
		return last == nil
	}, waitLong, waitStep, "%s: %v", what, &last)
	requireProxy(t, p)
	return p
}

// fits: each of these namespaces refused every foreign pod before, for what the proxy asks.
func fits(t *testing.T, w *world) {
	t.Helper()
	limits, requests := amounts("cpu", "1", "memory", "512Mi"), amounts("cpu", "500m", "memory", "256Mi")
	quotas := map[string]corev1.ResourceList{
		"limits.cpu": amounts("limits.cpu", "4"), "all": amounts("limits.cpu", "4", "limits.memory", "4Gi", "requests.cpu", "2", "requests.memory", "2Gi", "pods", "9"),
		"storage": amounts("limits.ephemeral-storage", "4Gi", "requests.ephemeral-storage", "4Gi"),
	}
	for what, hard := range quotas {
		namespace := w.foreign(t)
		w.quotaOf(t, namespace, hard)
		p := with(pod(namespace, "app"), limits, requests)
		if what == "storage" {
			p = with(p, amounts("ephemeral-storage", "1Gi"), amounts("ephemeral-storage", "1Gi"))
		}
		w.admitted(t, p, "a quota of "+what)
	}
	for i, item := range []corev1.LimitRangeItem{
		{Type: corev1.LimitTypeContainer, Max: amounts("cpu", "1", "memory", "512Mi"), Min: amounts("cpu", "100m", "memory", "100Mi")},
		{Type: corev1.LimitTypeContainer, MaxLimitRequestRatio: amounts("cpu", "2", "memory", "2")},
		{Type: corev1.LimitTypePod, Max: amounts("memory", "768Mi", "cpu", "2")},
		{Type: corev1.LimitTypePod, MaxLimitRequestRatio: amounts("cpu", "2", "memory", "2")},
	} {
		namespace := w.foreign(t)
		w.create(t, &corev1.LimitRange{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "tight"}, Spec: corev1.LimitRangeSpec{Limits: []corev1.LimitRangeItem{item}}})
		p := w.admitted(t, with(pod(namespace, "app"), limits, requests), fmt.Sprintf("the LimitRange %d", i))
		command := p.Spec.InitContainers[0].Command
		heap, module := envoy.Heaps(p.Spec.InitContainers[0].Resources.Limits.Memory().Value(), true)
		require.Contains(t, command[len(command)-1], fmt.Sprint(heap), "the heap follows")
		require.Equal(t, fmt.Sprint(module), environment(p.Spec.InitContainers[0])["GOMEMLIMIT"], "and the module's part")
	}
	tooTight := w.foreign(t)
	w.create(t, &corev1.LimitRange{ObjectMeta: metav1.ObjectMeta{Namespace: tooTight, Name: "tiny"}, Spec: corev1.LimitRangeSpec{
		Limits: []corev1.LimitRangeItem{{Type: corev1.LimitTypePod, Max: amounts("memory", "600Mi")}},
	}})
	require.Eventually(t, func() bool {
		err := w.client.Create(t.Context(), with(pod(tooTight, "app"), limits, requests), client.DryRunAll)
		return err != nil && len(causesOf(err)) == 1 && causesOf(err)[0] == "spec.initContainers[data-space-proxy].resources"
	}, waitLong, waitStep, "what cannot fit is refused by the proxy's name")
	fitsWhole(t, w)
	annotated(t, w)
}

// fitsWhole: LimitRanger asks of a pod's requests what it asks of its limits, and the pod that leaves the proxy nothing is admitted all the same.
func fitsWhole(t *testing.T, w *world) {
	t.Helper()
	for what, c := range map[string]struct {
		item             corev1.LimitRangeItem
		limits, requests corev1.ResourceList
	}{
		"maximum": {corev1.LimitRangeItem{Type: corev1.LimitTypePod, Max: amounts("cpu", "1")}, amounts("cpu", "1"), amounts("cpu", "1")},
		"minimum": {corev1.LimitRangeItem{Type: corev1.LimitTypePod, Min: amounts("memory", "512Mi")}, nil, amounts("memory", "512Mi")},
	} {
		ordinary, foreign := w.namespace(t, nil), w.foreign(t)
		for _, namespace := range []string{ordinary, foreign} {
			w.create(t, &corev1.LimitRange{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "whole"}, Spec: corev1.LimitRangeSpec{Limits: []corev1.LimitRangeItem{c.item}}})
		}
		w.create(t, with(pod(ordinary, "app"), c.limits, c.requests))
		w.admitted(t, with(pod(foreign, "app"), c.limits, c.requests), "the pod's "+what)
	}
}

// annotated: the Hospital sizes the proxies of one guest; what the guest may write changes nothing.
func annotated(t *testing.T, w *world) {
	t.Helper()
	namespace := w.foreign(t)
	patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:"cpu=1,memory=512Mi",%q:"cpu=200m"}}}`, inject.AnnotationLimits, inject.AnnotationRequests)
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
	require.NoError(t, w.client.Patch(t.Context(), ns, client.RawPatch(types.MergePatchType, []byte(patch))))
	require.Eventually(t, func() bool {
		p := pod(namespace, "")
		p.GenerateName = "app-"
		p.Annotations = map[string]string{inject.AnnotationLimits: "memory=128Mi"}
		w.create(t, p)
		r := p.Spec.InitContainers[0].Resources
		return r.Limits.Memory().String() == "512Mi" && r.Limits.Cpu().String() == "1" && r.Requests.Cpu().String() == "200m"
	}, waitLong, waitStep)
}

func causesOf(err error) []string {
	status, is := err.(interface{ Status() metav1.Status })
	if !is || status.Status().Details == nil {
		return nil
	}
	var all []string
	for _, cause := range status.Status().Details.Causes {
		all = append(all, cause.Field)
	}
	return all
}

// staysGuaranteed: by its containers, and by what the pod names as a whole, which grows by the proxy.
func staysGuaranteed(t *testing.T, w *world) {
	t.Helper()
	namespace, both := w.foreign(t), amounts("cpu", "1", "memory", "512Mi")
	p := with(pod(namespace, "containers"), both, both)
	w.create(t, p)
	require.Equal(t, corev1.PodQOSGuaranteed, p.Status.QOSClass)
	requireProxy(t, p)

	for name, requests := range map[string]corev1.ResourceList{"whole": both, "burstable": amounts("cpu", "500m"), "limits": nil} {
		p = pod(namespace, name)
		p.Spec.Resources = &corev1.ResourceRequirements{Limits: both.DeepCopy(), Requests: requests}
		w.create(t, p)
		requireProxy(t, p)
		require.Equal(t, name != "burstable", p.Status.QOSClass == corev1.PodQOSGuaranteed, "%s: %s", name, p.Status.QOSClass)
		require.Equal(t, "768Mi", p.Spec.Resources.Limits.Memory().String(), "the application keeps what it had")
		copied := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name + "-copied", Labels: p.Labels}, Spec: *p.Spec.DeepCopy()}
		w.create(t, copied)
		require.Equal(t, p.Spec.Resources, copied.Spec.Resources, "it grows once")
	}
}

// resizes: the heap of a proxy follows the limit with which it was started, so no user may change it in place.
func resizes(t *testing.T, w *world) {
	t.Helper()
	both := amounts("cpu", "1", "memory", "512Mi")
	guarded, elsewhere := with(pod(w.foreign(t), "app"), both, both), with(pod(w.namespace(t, nil), "app"), both, both)
	elsewhere.Spec.InitContainers = []corev1.Container{{
		Name: "data-space-proxy", Image: "proxy:1", RestartPolicy: ptr(corev1.ContainerRestartPolicyAlways), Resources: corev1.ResourceRequirements{Limits: both, Requests: both},
	}}
	resize := func(p *corev1.Pod, list, container string, amounts corev1.ResourceList) error {
		patch, err := json.Marshal(map[string]any{"spec": map[string]any{list: []any{
			map[string]any{"name": container, "resources": map[string]any{"limits": amounts, "requests": amounts}},
		}}})
		require.NoError(t, err)
		return w.client.SubResource("resize").Patch(t.Context(), p.DeepCopy(), client.RawPatch(types.StrategicMergePatchType, patch))
	}
	w.create(t, guarded)
	w.create(t, elsewhere)
	more := amounts("cpu", "2", "memory", "1Gi")
	require.NoError(t, resize(elsewhere, "initContainers", "data-space-proxy", more), "it works where nothing is guarded")
	require.NoError(t, resize(guarded, "containers", "app", more))
	for _, changed := range []corev1.ResourceList{more, amounts("cpu", "500m", "memory", "1Gi"), amounts("cpu", "2m", "memory", "256Mi")} {
		require.ErrorContains(t, resize(guarded, "initContainers", "data-space-proxy", changed), "leave the container data-space-proxy out of the resize")
	}
}
