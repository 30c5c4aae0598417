package inject

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"data-space.liqo.io/pkg/values/gate"
)

func sealing(keys ...string) Seal {
	s := Seal{Now: time.Unix(1_800_000_000, 0), Namespace: "pharma-space"}
	for _, key := range keys {
		s.Keys = append(s.Keys, []byte(key))
	}
	return s
}

// sealedBy returns a pod as a replica with these settings injects it.
func sealedBy(t *testing.T, s Settings) *corev1.Pod {
	t.Helper()
	raw := []byte(`{"metadata":{"name":"app"},"spec":{"containers":[{"name":"app","image":"app:1"}]}}`)
	result, problems := Inject(decode(t, raw), s)
	require.Empty(t, problems)
	return decode(t, apply(t, raw, result.Patch))
}

func older() Settings {
	s := settings()
	s.Image, s.SeccompProfile, s.Seal = "docker.io/data-spacer/envoy:before", "data-spacer/sockets-0.json", sealing("key")
	return s
}

// TestReplicasOfTwoReleasesAcceptEachOthersProxies: and nobody else's.
func TestReplicasOfTwoReleasesAcceptEachOthersProxies(t *testing.T) {
	judged := func(pod *corev1.Pod, seal Seal) []string {
		today := settings()
		today.Seal = seal
		return fieldsOf(Stored(pod, today))
	}
	pod := sealedBy(t, older())
	require.Empty(t, judged(pod, sealing("key")))
	require.Empty(t, judged(pod, sealing("renewed", "key")), "while the key is renewed")
	pod.Spec.InitContainers[0].ImagePullPolicy = corev1.PullAlways
	pod.Spec.InitContainers[0].Resources.Limits["cpu"] = resource.MustParse("1")
	require.Empty(t, judged(pod, sealing("key")), "what the API server's own plugins change")

	refused := []string{"spec.initContainers[0]", "spec.securityContext.seccompProfile"}
	require.Equal(t, refused, judged(pod, Seal{}), "without a seal: one cannot have come from the other")
	require.Equal(t, refused, judged(pod, sealing("another")), "another key")
	late, elsewhere := sealing("key"), sealing("key")
	late.Now, elsewhere.Namespace = late.Now.Add(sealLifetime+time.Second), "rival-space"
	require.Equal(t, refused, judged(pod, late), "a seal that is kept")
	late.Now = late.Now.Add(-2*sealLifetime - 2*time.Second)
	require.Equal(t, refused, judged(pod, late), "a seal of the future")
	require.Equal(t, refused, judged(pod, elsewhere), "a seal of another namespace")
	for what, change := range map[string]func(*corev1.Pod){
		"image":  func(p *corev1.Pod) { p.Spec.InitContainers[0].Image = "mine" },
		"memory": func(p *corev1.Pod) { p.Spec.InitContainers[0].Resources.Limits["memory"] = resource.MustParse("1Gi") },
		"volume": func(p *corev1.Pod) { p.Spec.Volumes[0].ConfigMap.Name = "mine" },
		"profile": func(p *corev1.Pod) {
			p.Annotations[AnnotationSeal] = "1800000000::" + p.Annotations[AnnotationSeal][40:]
		},
		"time":    func(p *corev1.Pod) { p.Annotations[AnnotationSeal] = "1800000001" + p.Annotations[AnnotationSeal][10:] },
		"nothing": func(p *corev1.Pod) { delete(p.Annotations, AnnotationSeal) },
		"garbage": func(p *corev1.Pod) { p.Annotations[AnnotationSeal] = "a:b:c" },
	} {
		changed := pod.DeepCopy()
		change(changed)
		require.Contains(t, judged(changed, sealing("key")), "spec.initContainers[0]", what)
	}
	device := pod.DeepCopy()
	device.Spec.InitContainers[0].Resources.Limits["vendor.example/nic"] = resource.MustParse("1")
	require.Equal(t, []string{"spec.initContainers[0]"}, judged(device, sealing("key")), "the part that a seal leaves open")
}

// TestASealThatAPodBringsCountsForNothing: whatever comes to the mutating phase leaves it with the proxy and the seal of today.
func TestASealThatAPodBringsCountsForNothing(t *testing.T) {
	stolen := sealedBy(t, older())
	today := settings()
	today.Seal = sealing("key")
	today.Seal.Now = today.Seal.Now.Add(time.Second)
	result, problems := Inject(stolen, today)
	require.Empty(t, problems)
	require.NotEmpty(t, result.Warnings)
	raw, err := jsonOf(stolen)
	require.NoError(t, err)
	now := decode(t, apply(t, raw, result.Patch))
	require.Equal(t, today.Image, now.Spec.InitContainers[0].Image)
	require.NotEqual(t, stolen.Annotations[AnnotationSeal], now.Annotations[AnnotationSeal])
	require.Len(t, now.Spec.InitContainers, 1)
	again, problems := Inject(now, today)
	require.Empty(t, problems)
	require.Empty(t, again.Patch, "a second call changes nothing")

	keyless := settings()
	bare := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{gate.AnnotationGuest: "pharma-1"}}}
	result, _ = Inject(bare, keyless)
	for _, operation := range result.Patch {
		require.NotContains(t, operation.Path, "seal")
	}
}

// While --proxy-reader changes, replicas of either value accept what the other injects, and nothing else.
func TestReplicasOfTwoReadersAcceptEachOthersProxies(t *testing.T) {
	for _, injects := range []bool{false, true} {
		one, other := settings(), settings()
		one.Module, other.Module = injects, !injects
		one.Seal, other.Seal = sealing("key"), sealing("key")
		pod := sealedBy(t, one)
		require.Empty(t, Stored(pod, other))
		require.Empty(t, Stored(pod, one))
		again, problems := Inject(pod, other)
		require.Empty(t, problems)
		require.NotEmpty(t, again.Patch, "a pod that is created again has the proxy of today")
		other.Seal = Seal{}
		require.NotEmpty(t, judge(pod, other))
	}
}

func TestTheModuleHasItsOwnConfigurationAndItsPartOfTheMemory(t *testing.T) {
	s := settings()
	s.Module = true
	proxy, codec := Sidecar(s), Sidecar(settings())
	require.Equal(t, "/etc/envoy/envoy-module.yaml", proxy.Command[2])
	require.Equal(t, "/etc/envoy/envoy.yaml", codec.Command[2])
	require.Equal(t, "envoy-module.yaml", s.volumes()[0].ConfigMap.Items[0].Key)
	require.Equal(t, codec.Env, proxy.Env[:2])
	require.Equal(t, corev1.EnvVar{Name: "GOMEMLIMIT", Value: "44739242"}, proxy.Env[2])
	require.NotEqual(t, codec.Command, proxy.Command)
}
