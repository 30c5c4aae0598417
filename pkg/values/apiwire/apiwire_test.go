package apiwire

import (
	"math/rand"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/apitesting/fuzzer"
	metafuzzer "k8s.io/apimachinery/pkg/apis/meta/fuzzer"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"

	"data-space.liqo.io/pkg/values/netpolicy"
)

// filler fills objects with anything, by Kubernetes' own means.
func filler(tb testing.TB) (fill func(any), scheme *runtime.Scheme) {
	tb.Helper()
	scheme = runtime.NewScheme()
	require.NoError(tb, corev1.AddToScheme(scheme))
	require.NoError(tb, networkingv1.AddToScheme(scheme))
	f := fuzzer.FuzzerFor(metafuzzer.Funcs, rand.NewSource(7), serializer.NewCodecFactory(scheme))
	return func(object any) { f.Fill(object) }, scheme
}

// readable makes of what the filler made something that policies can name, most of the time.
func readable(r *rand.Rand, p *corev1.Pod) {
	pick := func(from ...string) string { return from[r.Intn(len(from))] }
	for i := range p.Status.PodIPs {
		p.Status.PodIPs[i].IP = pick("192.0.2.1", "192.0.2.2", "2001:db8::1", "::ffff:192.0.2.3", " 192.0.2.4", "no address", "")
	}
	if r.Intn(3) == 0 {
		p.Status.PodIPs, p.Status.PodIP = nil, pick("192.0.2.9", "")
	}
	p.Status.Phase = corev1.PodPhase(pick("Running", "Pending", "Succeeded", "Failed", ""))
	always := corev1.ContainerRestartPolicyAlways
	edit := func(all []corev1.Container) {
		for i := range all {
			if r.Intn(2) == 0 {
				all[i].RestartPolicy = &always
			}
			for j := range all[i].Ports {
				port := &all[i].Ports[j]
				port.Name = pick("http", "dns", "", port.Name)
				port.Protocol = corev1.Protocol(pick("TCP", "UDP", "SCTP", "", "QUIC"))
				port.ContainerPort = int32(r.Intn(70000) - 1000)
			}
		}
	}
	edit(p.Spec.Containers)
	edit(p.Spec.InitContainers)
}

func TestPodsAreDecodedAsByTheFullDecoder(t *testing.T) {
	fill, _ := filler(t)
	r := rand.New(rand.NewSource(8))
	d := NewDecoder()
	ports, labels := 0, 0
	for range 5000 {
		var in, full corev1.Pod
		fill(&in)
		readable(r, &in)
		message, err := in.Marshal()
		require.NoError(t, err)
		require.NoError(t, full.Unmarshal(message))
		got, meta, err := d.Pod(message)
		require.NoError(t, err)
		want := netpolicy.PodOf(&full)
		require.True(t, want.Equal(got), "%+v\n%+v", want, got)
		require.Equal(t, Meta{Key: want.Key, ResourceVersion: full.ResourceVersion}, meta)
		ports, labels = ports+len(got.Ports), labels+len(got.Labels)
	}
	require.Greater(t, ports, 100)
	require.Greater(t, labels, 1000)
}

func TestNamespacesAndMetadataAreDecodedAsByTheFullDecoder(t *testing.T) {
	fill, _ := filler(t)
	d := NewDecoder()
	for range 2000 {
		var in, full corev1.Namespace
		fill(&in)
		message, err := in.Marshal()
		require.NoError(t, err)
		require.NoError(t, full.Unmarshal(message))
		got, meta, err := d.Namespace(message)
		require.NoError(t, err)
		require.Equal(t, full.Name, got.Name)
		require.Len(t, got.Labels, len(full.Labels))
		for k, v := range full.Labels {
			require.Equal(t, v, got.Labels[k])
		}
		require.Equal(t, full.ResourceVersion, meta.ResourceVersion)

		var policy networkingv1.NetworkPolicy
		fill(&policy)
		message, err = policy.Marshal()
		require.NoError(t, err)
		meta, err = MetaOf(message)
		require.NoError(t, err)
		require.Equal(t, Meta{Key: netpolicy.Key{Namespace: policy.Namespace, Name: policy.Name}, ResourceVersion: policy.ResourceVersion}, meta)
	}
}

func TestEnvelopesAreOpenedAsTheAPIServerMakesThem(t *testing.T) {
	_, scheme := filler(t)
	codec := protobuf.NewSerializer(scheme, scheme)
	list := &corev1.PodList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "PodList"}, ListMeta: metav1.ListMeta{ResourceVersion: "7", Continue: "more"},
		Items: []corev1.Pod{{ObjectMeta: metav1.ObjectMeta{Name: "a"}}, {ObjectMeta: metav1.ObjectMeta{Name: "b"}}}}
	body, err := runtime.Encode(codec, list)
	require.NoError(t, err)
	message, err := UnwrapAs(body, Type{"v1", "PodList"})
	require.NoError(t, err)
	_, err = UnwrapAs(body, Type{"v1", "Pod"})
	require.ErrorContains(t, err, "PodList")
	var names []string
	head, err := List(message, func(item []byte) error {
		m, err := MetaOf(item)
		names = append(names, m.Name)
		return err
	})
	require.NoError(t, err)
	require.Equal(t, ListHead{"7", "more"}, head)
	require.Equal(t, []string{"a", "b"}, names)

	frame, err := (&metav1.WatchEvent{Type: "BOOKMARK", Object: runtime.RawExtension{Raw: body}}).Marshal()
	require.NoError(t, err)
	kind, object, err := Event(frame)
	require.NoError(t, err)
	require.Equal(t, "BOOKMARK", kind)
	require.Equal(t, body, object)

	bookmark := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{ResourceVersion: "9", Annotations: map[string]string{metav1.InitialEventsAnnotationKey: "true"}}}
	message, err = bookmark.Marshal()
	require.NoError(t, err)
	meta, err := MetaOf(message)
	require.NoError(t, err)
	require.Equal(t, Meta{ResourceVersion: "9", InitialEnd: true}, meta)
}

func TestWhatIsMalformedIsAnErrorAndNeverAnOmission(t *testing.T) {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "a", Labels: map[string]string{"a": "b"}},
		Spec:   corev1.PodSpec{NodeName: "n", Containers: []corev1.Container{{Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 80}}}}},
		Status: corev1.PodStatus{PodIPs: []corev1.PodIP{{IP: "192.0.2.1"}}}}
	message, err := pod.Marshal()
	require.NoError(t, err)
	for cut := 1; cut < len(message); cut++ {
		var full corev1.Pod
		_, _, err := NewDecoder().Pod(message[:cut])
		require.Equal(t, full.Unmarshal(message[:cut]) != nil, err != nil, "cut at %d", cut)
	}
	for name, bad := range map[string][]byte{
		"a group that nothing ends": {0x0b}, "metadata as a number": {0x08, 1}, "labels as a number": {0x0a, 2, 0x58, 1},
		"host network as text": {0x12, 2, 0x5a, 0}, "a length beyond the end": {0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f}, "field number 0": {0x02, 0},
	} {
		_, _, err := NewDecoder().Pod(bad)
		require.ErrorIs(t, err, ErrMalformed, name)
	}
	for _, body := range []string{"", "{}", "k8s\x00\x0a\x01", "k8s\x00\x1a\x04gzip", "k8s\x00\x22\x04json"} {
		_, _, err := unwrap([]byte(body))
		require.ErrorIs(t, err, ErrMalformed, body)
	}
}

func TestObjectsShareWhatTheyHaveInCommon(t *testing.T) {
	d := NewDecoder()
	var pods [2]netpolicy.Pod
	for i := range pods {
		p := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: strings.Repeat("x", i), Labels: map[string]string{"app": "web"}}}
		message, err := p.Marshal()
		require.NoError(t, err)
		pods[i], _, err = d.Pod(message)
		require.NoError(t, err)
	}
	pods[0].Labels["app"] = "changed for both"
	require.Equal(t, "changed for both", pods[1].Labels["app"])
	for i := range 3 * maxShared {
		d.text([]byte{byte(i), byte(i >> 8), byte(i >> 16)})
	}
	require.LessOrEqual(t, len(d.texts), maxShared)
}

// FuzzPod: whatever the bytes, nothing panics, what is returned is no bigger than what came, and where both decoders
// understand a message they agree.
func FuzzPod(f *testing.F) {
	always := corev1.ContainerRestartPolicyAlways
	now := metav1.Now()
	for _, p := range []corev1.Pod{
		{}, {ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "a", ResourceVersion: "7", CreationTimestamp: now, DeletionTimestamp: &now}},
		{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"a": "b", "c": ""}, Annotations: map[string]string{initialEnd: "true"}}},
		{Spec: corev1.PodSpec{NodeName: "n", HostNetwork: true, Containers: []corev1.Container{{Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 80}}}},
			InitContainers: []corev1.Container{{RestartPolicy: &always, Ports: []corev1.ContainerPort{{Name: "dns", ContainerPort: 53, Protocol: "UDP"}}}}}},
		{Status: corev1.PodStatus{Phase: corev1.PodFailed, PodIP: "192.0.2.1", PodIPs: []corev1.PodIP{{IP: "192.0.2.1"}, {IP: "2001:db8::1"}}}},
	} {
		message, err := p.Marshal()
		require.NoError(f, err)
		f.Add(message)
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		_, _, _ = unwrap(message)
		_, _, _ = Event(message)
		_, _ = List(message, func([]byte) error { return nil })
		got, _, err := NewDecoder().Pod(message)
		if err != nil {
			return
		}
		size := len(got.Name) + len(got.Namespace) + len(got.Node) + 4*len(got.IPs) + 4*len(got.Ports)
		for k, v := range got.Labels {
			size += len(k) + len(v)
		}
		require.LessOrEqual(t, size, 16*len(message)+64)
		var full corev1.Pod
		if full.Unmarshal(message) == nil {
			require.True(t, netpolicy.PodOf(&full).Equal(got), "%+v\n%+v", netpolicy.PodOf(&full), got)
		}
	})
}
