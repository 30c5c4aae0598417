package inject

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func jsonOf(pod *corev1.Pod) ([]byte, error) { return json.Marshal(pod) }

// list reads amounts, for tests.
func list(t *testing.T, text string) corev1.ResourceList {
	t.Helper()
	all := corev1.ResourceList{}
	require.NoError(t, json.Unmarshal([]byte(text), &all))
	return all
}

func ranged(t *testing.T, kind corev1.LimitType, item string) Room {
	t.Helper()
	var read corev1.LimitRangeItem
	require.NoError(t, json.Unmarshal([]byte(item), &read))
	read.Type = kind
	return Room{Ranges: []corev1.LimitRange{{ObjectMeta: metav1.ObjectMeta{Name: "tight"}, Spec: corev1.LimitRangeSpec{Limits: []corev1.LimitRangeItem{read}}}}}
}

func quota(t *testing.T, hard string) Room {
	t.Helper()
	return Room{Quotas: []corev1.ResourceQuota{{ObjectMeta: metav1.ObjectMeta{Name: "share"}, Spec: corev1.ResourceQuotaSpec{Hard: list(t, hard)}}}}
}

// asking is a pod whose container has these amounts.
func asking(t *testing.T, limits, requests string) *corev1.Pod {
	t.Helper()
	return &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{
		Name: "app", Image: "app:1", Resources: corev1.ResourceRequirements{Limits: list(t, limits), Requests: list(t, requests)},
	}}}}
}

// text shows the amounts of one of the proxy's lists.
func text(l corev1.ResourceList) string {
	data, _ := json.Marshal(l)
	return string(data)
}

func TestTheProxyFitsWhatTheNamespaceAllows(t *testing.T) {
	container, whole := corev1.LimitTypeContainer, corev1.LimitTypePod
	for name, c := range map[string]struct {
		room             Room
		limits, requests string
	}{
		"nothing asked":            {Room{}, `{"memory":"256Mi"}`, `{"cpu":"50m","memory":"64Mi"}`},
		"a quota of limits.cpu":    {quota(t, `{"limits.cpu":"4"}`), `{"cpu":"500m","memory":"256Mi"}`, `{"cpu":"50m","memory":"64Mi"}`},
		"a quota of pods":          {quota(t, `{"pods":"4"}`), `{"memory":"256Mi"}`, `{"cpu":"50m","memory":"64Mi"}`},
		"a quota of storage":       {quota(t, `{"limits.ephemeral-storage":"4Gi"}`), `{"ephemeral-storage":"256Mi","memory":"256Mi"}`, `{"cpu":"50m","ephemeral-storage":"64Mi","memory":"64Mi"}`},
		"a maximum of memory":      {ranged(t, container, `{"max":{"memory":"256Mi"}}`), `{"memory":"256Mi"}`, `{"cpu":"50m","memory":"64Mi"}`},
		"a maximum of cpu":         {ranged(t, container, `{"max":{"cpu":"200m"}}`), `{"cpu":"200m","memory":"256Mi"}`, `{"cpu":"50m","memory":"64Mi"}`},
		"a minimum":                {ranged(t, container, `{"min":{"cpu":"100m","memory":"300Mi"}}`), `{"memory":"300Mi"}`, `{"cpu":"100m","memory":"300Mi"}`},
		"a ratio":                  {ranged(t, container, `{"maxLimitRequestRatio":{"cpu":"2","memory":"3"}}`), `{"cpu":"500m","memory":"256Mi"}`, `{"cpu":"250m","memory":"89478486"}`},
		"a default limit":          {ranged(t, container, `{"default":{"cpu":"20m"}}`), `{"cpu":"500m","memory":"256Mi"}`, `{"cpu":"50m","memory":"64Mi"}`},
		"a maximum for the pod":    {ranged(t, whole, `{"max":{"memory":"456Mi"}}`), `{"memory":"256Mi"}`, `{"cpu":"50m","memory":"64Mi"}`},
		"a ratio for the pod":      {ranged(t, whole, `{"maxLimitRequestRatio":{"cpu":"2"}}`), `{"cpu":"500m","memory":"256Mi"}`, `{"cpu":"250m","memory":"64Mi"}`},
		"a range of volume claims": {ranged(t, corev1.LimitTypePersistentVolumeClaim, `{"max":{"memory":"1"}}`), `{"memory":"256Mi"}`, `{"cpu":"50m","memory":"64Mi"}`},
	} {
		s := settings()
		s.Room = c.room
		fit, problems := s.fitted(&asking(t, `{"cpu":"1","memory":"200Mi"}`, `{"cpu":"500m"}`).Spec, nil)
		require.Empty(t, problems, name)
		require.JSONEq(t, c.limits, text(fit.Limits), name)
		require.JSONEq(t, c.requests, text(fit.Requests), name)
		require.True(t, settings().judgeAmounts(Sidecar(fit).Resources), name)
		require.NoError(t, CheckResources(fit.Requests, fit.Limits), name)
	}
}

// LimitRanger adds up a pod's limits and its requests each, and asks both of a bound for pods, so also where the proxy has no limit.
func TestThePodFitsItsOwnLimitRangeWithTheProxy(t *testing.T) {
	for name, c := range map[string]struct {
		bounds, limits, requests string // of the pod as its author wrote it, which LimitRanger admits
		proxy                    string
	}{
		"half is left":                {`{"max":{"cpu":"1"}}`, `{"cpu":"1"}`, `{"cpu":"500m"}`, `{"limits":{"memory":"256Mi"},"requests":{"cpu":"50m","memory":"64Mi"}}`},
		"little left":                 {`{"max":{"cpu":"1"}}`, `{"cpu":"1"}`, `{"cpu":"980m"}`, `{"limits":{"memory":"256Mi"},"requests":{"cpu":"20m","memory":"64Mi"}}`},
		"nothing left":                {`{"max":{"cpu":"1"}}`, `{"cpu":"1"}`, `{"cpu":"1"}`, `{"limits":{"memory":"256Mi"},"requests":{"cpu":"0","memory":"64Mi"}}`},
		"a request that is the limit": {`{"max":{"cpu":"1"}}`, `{"cpu":"1"}`, `{}`, `{"limits":{"memory":"256Mi"},"requests":{"cpu":"0","memory":"64Mi"}}`},
		"a minimum, and the application has no limit": {`{"min":{"memory":"512Mi"}}`, `{}`, `{"memory":"1Gi"}`,
			`{"limits":{"memory":"512Mi"},"requests":{"cpu":"50m","memory":"64Mi"}}`},
		"a minimum that the application's limit meets": {`{"min":{"memory":"512Mi"}}`, `{"memory":"1Gi"}`, `{"memory":"1Gi"}`,
			`{"limits":{"memory":"256Mi"},"requests":{"cpu":"50m","memory":"64Mi"}}`},
	} {
		s := settings()
		s.Room = ranged(t, corev1.LimitTypePod, c.bounds)
		fit, problems := s.fitted(&asking(t, c.limits, c.requests).Spec, nil)
		require.Empty(t, problems, name)
		require.JSONEq(t, c.proxy, fmt.Sprintf(`{"limits":%s,"requests":%s}`, text(fit.Limits), text(fit.Requests)), name)
		require.True(t, settings().judgeAmounts(Sidecar(fit).Resources), name)
		require.NoError(t, CheckResources(fit.Requests, fit.Limits), name)
	}
}

func TestWhereTheProxyDoesNotFitTheRefusalNamesWhatIsInTheWay(t *testing.T) {
	for name, room := range map[string]Room{
		"a container": ranged(t, corev1.LimitTypeContainer, `{"max":{"memory":"100Mi"}}`),
		"the pod":     ranged(t, corev1.LimitTypePod, `{"max":{"memory":"300Mi"}}`),
		"no cpu":      ranged(t, corev1.LimitTypeContainer, `{"max":{"cpu":"10m"}}`),
	} {
		s := settings()
		s.Room = room
		_, problems := Inject(asking(t, `{"memory":"200Mi"}`, `{}`), s)
		require.Len(t, problems, 1, name)
		require.Regexp(t, `LimitRange tight leaves the proxy at most .* raise the maximum, .*--proxy-limits.*data-space.liqo.io/proxy-limits`, problems[0].Error(), name)
	}
	s := settings()
	s.Room = quota(t, `{"limits.memory":"1Gi"}`)
	s.Room.Quotas[0].Status.Hard, s.Room.Quotas[0].Status.Used = list(t, `{"limits.memory":"1Gi","pods":"3"}`), list(t, `{"limits.memory":"900Mi"}`)
	result, problems := Inject(asking(t, `{"memory":"64Mi"}`, `{}`), s)
	require.Empty(t, problems, "whether a quota is exceeded is the API server's to say")
	require.Len(t, result.Warnings, 1)
	require.Regexp(t, "ResourceQuota share: limits.memory has 124Mi left and the proxy of each pod needs 256Mi; .*--proxy-limits", result.Warnings[0])
}

func TestAGuaranteedPodStaysGuaranteed(t *testing.T) {
	same, less := `{"cpu":"1","memory":"1Gi"}`, `{"cpu":"500m","memory":"1Gi"}`
	for name, c := range map[string]struct {
		pod        *corev1.Pod
		guaranteed bool
	}{
		"limits and requests":   {asking(t, same, same), true},
		"limits alone":          {asking(t, same, `{}`), true},
		"less requested":        {asking(t, same, less), false},
		"no cpu":                {asking(t, `{"memory":"1Gi"}`, `{}`), false},
		"an init container too": {withInit(asking(t, same, same)), false},
		"the pod as a whole":    {budgeted(t, asking(t, `{}`, `{}`), same, same), true},
		"the pod, burstable":    {budgeted(t, asking(t, same, same), same, less), false},
	} {
		result, problems := Inject(c.pod, settings())
		require.Empty(t, problems, name)
		raw, err := jsonOf(c.pod)
		require.NoError(t, err)
		now := decode(t, apply(t, raw, result.Patch))
		resources := now.Spec.InitContainers[0].Resources
		require.Equal(t, c.guaranteed, fixed(resources), name)
		require.Equal(t, c.guaranteed, guaranteed(&now.Spec), name)
		again, problems := Inject(now, settings())
		require.Empty(t, problems, name)
		require.Empty(t, again.Patch, name)
		require.Empty(t, judge(now, settings()), name)
	}
}

func withInit(pod *corev1.Pod) *corev1.Pod {
	pod.Spec.InitContainers = []corev1.Container{{Name: "first", Image: "first:1"}}
	return pod
}

func budgeted(t *testing.T, pod *corev1.Pod, limits, requests string) *corev1.Pod {
	t.Helper()
	pod.Spec.Resources = &corev1.ResourceRequirements{Limits: list(t, limits), Requests: list(t, requests)}
	return pod
}

// TestWhatAPodNamesAsAWholeGrowsByTheProxy: once, also when the proxy is replaced.
func TestWhatAPodNamesAsAWholeGrowsByTheProxy(t *testing.T) {
	pod := budgeted(t, asking(t, `{}`, `{}`), `{"cpu":"1","memory":"1Gi"}`, `{"memory":"512Mi"}`)
	grown := func(pod *corev1.Pod, s Settings) *corev1.Pod {
		result, problems := Inject(pod, s)
		require.Empty(t, problems)
		raw, err := jsonOf(pod)
		require.NoError(t, err)
		return decode(t, apply(t, raw, result.Patch))
	}
	first := grown(pod, settings())
	require.JSONEq(t, `{"cpu":"1500m","memory":"1280Mi"}`, text(first.Spec.Resources.Limits))
	require.JSONEq(t, `{"memory":"576Mi"}`, text(first.Spec.Resources.Requests))
	larger := settings()
	larger.Limits = corev1.ResourceList{"memory": resource.MustParse("320Mi")}
	second := grown(first, larger)
	require.JSONEq(t, `{"cpu":"1500m","memory":"1344Mi"}`, text(second.Spec.Resources.Limits))
}

func TestTheHospitalSetsAmountsForEachNamespace(t *testing.T) {
	s, warnings := settings().In(map[string]string{AnnotationRequests: "cpu=100m,memory=128Mi", AnnotationLimits: "cpu=1,memory=512Mi"})
	require.Empty(t, warnings)
	require.JSONEq(t, `{"cpu":"1","memory":"512Mi"}`, text(s.Limits))
	require.JSONEq(t, `{"cpu":"100m","memory":"128Mi"}`, text(s.Requests))
	require.Contains(t, Sidecar(s).Command[len(Sidecar(s).Command)-1], "348966085", "the heap follows")
	for name, annotations := range map[string]map[string]string{
		"is not used: the limit memory=64Mi is below 256Mi": {AnnotationLimits: "memory=64Mi"},
		`is not used: "much" is not cpu=QUANTITY`:           {AnnotationRequests: "much"},
		"are not used: the request memory=1Gi is above":     {AnnotationRequests: "memory=1Gi"},
	} {
		s, warnings := settings().In(annotations)
		require.Len(t, warnings, 1)
		require.Contains(t, warnings[0], name)
		require.Equal(t, settings().Limits, s.Limits)
	}
}

// TestAProxyOutOfABackupIsReplacedWithItsVolumes: the pod had them of another release.
func TestAProxyOutOfABackupIsReplacedWithItsVolumes(t *testing.T) {
	older := Sidecar(settings())
	older.Image = "docker.io/data-spacer/envoy:before"
	pod := asking(t, `{}`, `{}`)
	pod.Spec.InitContainers = []corev1.Container{{Name: "first", Image: "first:1"}, older}
	pod.Spec.Volumes = Settings{}.volumes()
	pod.Spec.Volumes[0].ConfigMap.Name = "data-space-config-before"
	result, problems := Inject(pod, settings())
	require.Empty(t, problems)
	raw, err := jsonOf(pod)
	require.NoError(t, err)
	now := decode(t, apply(t, raw, result.Patch))
	require.Equal(t, Settings{}.volumes(), now.Spec.Volumes)
	require.Len(t, now.Spec.InitContainers, 2)
	require.Empty(t, judge(now, settings()))
	require.Empty(t, missing(now, settings()))

	pod.Spec.InitContainers = nil
	_, problems = Inject(pod, settings())
	require.Equal(t, []string{"spec.volumes[0]"}, fieldsOf(problems), "without a proxy the volume's name is taken")
}

// Who reports the warnings once compares them with those before.
func TestWarningsOfANamespaceComeInOneOrder(t *testing.T) {
	bad := map[string]string{AnnotationRequests: "cpu", AnnotationLimits: "memory=1"}
	_, first := settings().In(bad)
	require.Len(t, first, 2)
	for range 50 {
		_, again := settings().In(bad)
		require.Equal(t, first, again)
	}
}
