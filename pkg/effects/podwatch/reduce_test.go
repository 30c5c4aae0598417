package podwatch

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/workload"
)

func fullPod() *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "pharma", Name: "job", UID: "uid", ResourceVersion: "7",
			Annotations: map[string]string{"big": "text"}, ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "x"}},
		},
		Spec: corev1.PodSpec{
			NodeName:       "node",
			InitContainers: []corev1.Container{{Name: apis.ProxyContainerName, Image: "envoy", Env: []corev1.EnvVar{{Name: "A"}}}},
			Containers:     []corev1.Container{{Name: "app"}},
		},
		Status: corev1.PodStatus{
			Phase: corev1.PodRunning,
			InitContainerStatuses: []corev1.ContainerStatus{{
				Name: apis.ProxyContainerName,
				State: corev1.ContainerState{
					Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff", Message: "back-off 10s"},
				},
				LastTerminationState: corev1.ContainerState{
					Terminated: &corev1.ContainerStateTerminated{ExitCode: 1, Reason: "Error"},
				},
			}},
			ContainerStatuses: []corev1.ContainerStatus{{Name: "app"}},
		},
	}
}

func TestAStrippedPodTellsTheSame(t *testing.T) {
	stripped, err := stripPod(fullPod())
	require.NoError(t, err)
	pod, ok := stripped.(*corev1.Pod)
	require.True(t, ok)
	require.Equal(t, reduce(fullPod()), reduce(pod))
	require.Empty(t, pod.Annotations)
	require.Empty(t, pod.ManagedFields)
	require.Empty(t, pod.Spec.Containers, "only the proxy's container matters")
	require.Equal(t, workload.Pod{
		Namespace: "pharma", Name: "job", UID: "uid", HasProxy: true,
		Stall: workload.Stall{Reason: "CrashLoopBackOff", Message: "it ended last with exit code 1 (Error)"},
	}, reduce(pod))
}

func TestWhyAProxyWaits(t *testing.T) {
	for reason, want := range map[string]workload.Stall{
		"PodInitializing":   {},
		"ContainerCreating": {},
		"":                  {},
		"ErrImagePull":      {Reason: "ErrImagePull", Message: "why"},
	} {
		got := stall([]corev1.ContainerStatus{{State: corev1.ContainerState{
			Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: "why"},
		}}})
		require.Equal(t, want, got, reason)
	}
	require.Equal(t, workload.Stall{}, stall(nil))
}

func TestAStrippedNamespaceKeepsWhatSteersUs(t *testing.T) {
	in := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: "pharma", Labels: map[string]string{
		apis.LabelRemoteCluster: "pharma-1", apis.LabelApplyWebhook: "false", "other": "label",
	}}}
	out, err := stripNamespace(in)
	require.NoError(t, err)
	ns, ok := out.(*metav1.PartialObjectMetadata)
	require.True(t, ok)
	require.Equal(t, map[string]string{apis.LabelRemoteCluster: "pharma-1", apis.LabelApplyWebhook: "false"}, ns.Labels)
}

// TestAStrippedNamespaceKeepsWhoseItIs: by the mark, or by Liqo's annotation, which itself is not kept.
func TestAStrippedNamespaceKeepsWhoseItIs(t *testing.T) {
	for _, meta := range []metav1.ObjectMeta{
		{Labels: map[string]string{apis.LabelGuest: "pharma-1"}},
		{Labels: map[string]string{apis.LabelGuest: "pharma-1", apis.LabelRemoteCluster: "rival", apis.LabelTenantNamespace: "true"}},
		{Annotations: map[string]string{apis.AnnotationNamespaceMap: "liqo-tenant-pharma-1/hospital"}},
	} {
		out, err := stripNamespace(&metav1.PartialObjectMetadata{ObjectMeta: meta})
		require.NoError(t, err)
		ns, ok := out.(*metav1.PartialObjectMetadata)
		require.True(t, ok)
		require.Equal(t, map[string]string{apis.LabelRemoteCluster: "pharma-1"}, ns.Labels)
		require.Empty(t, ns.Annotations)
	}
}

func TestTombstonesPass(t *testing.T) {
	for _, strip := range []func(any) (any, error){stripPod, stripNamespace} {
		out, err := strip("tombstone")
		require.NoError(t, err)
		require.Equal(t, "tombstone", out)
	}
}

// A probe calls a port, by its number or its name. The proxy's own probe and those that run a command are left out.
func TestAStrippedPodKeepsItsProbes(t *testing.T) {
	probe := func(p corev1.ProbeHandler) *corev1.Probe { return &corev1.Probe{ProbeHandler: p, PeriodSeconds: 10} }
	get := func(port intstr.IntOrString, scheme corev1.URIScheme) *corev1.Probe {
		return probe(corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/healthz?deep", Port: port, Scheme: scheme}})
	}
	pod := fullPod()
	pod.Spec.InitContainers[0].ReadinessProbe = get(intstr.FromInt32(13021), corev1.URISchemeHTTP)
	pod.Spec.Containers = []corev1.Container{
		{
			Name: "app", Ports: []corev1.ContainerPort{{Name: "web", ContainerPort: 8080}}, Env: []corev1.EnvVar{{Name: "A"}},
			LivenessProbe:  get(intstr.FromString("web"), corev1.URISchemeHTTP),
			ReadinessProbe: probe(corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt32(5432)}}),
			StartupProbe:   probe(corev1.ProbeHandler{GRPC: &corev1.GRPCAction{Port: 50051}}),
		},
		{
			Name:           "other",
			LivenessProbe:  get(intstr.FromInt32(8443), corev1.URISchemeHTTPS),
			ReadinessProbe: probe(corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"true"}}}),
			StartupProbe:   get(intstr.FromString("unknown"), corev1.URISchemeHTTP),
		},
		{Name: "third", StartupProbe: get(intstr.FromInt32(1<<20), corev1.URISchemeHTTP)},
	}
	want := []workload.Probe{
		{Port: 8080, Method: "GET", Path: "/healthz?deep", Period: 10 * time.Second},
		{Port: 5432, Period: 10 * time.Second},
		{Port: 50051, Method: "POST", Path: healthCheck, Period: 10 * time.Second},
		{Port: 8443, Period: 10 * time.Second},
	}
	require.Equal(t, want, probes(pod))
	stripped, err := stripPod(pod)
	require.NoError(t, err)
	kept, ok := stripped.(*corev1.Pod)
	require.True(t, ok)
	require.Equal(t, want, probes(kept))
	require.Empty(t, kept.Spec.Containers[0].Env)
	require.True(t, reduce(kept).HasProxy)
	kept.Spec.InitContainers = nil
	require.False(t, reduce(kept).HasProxy)
}

// A guest writes the specs of its pods, and the agent keeps all pods of its node in a memory of 192 MiB.
func TestTheProbesThatAPodHasAreBounded(t *testing.T) {
	long := strings.Repeat("x", 64<<10)
	pod := fullPod()
	for i := range 1000 {
		get := &corev1.HTTPGetAction{Path: "/healthz", Port: intstr.FromInt32(8080), HTTPHeaders: []corev1.HTTPHeader{{Name: "X", Value: long}}}
		if i%2 == 0 {
			get.Path += long
		}
		pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{
			Ports:          []corev1.ContainerPort{{Name: "web", ContainerPort: 8080}},
			LivenessProbe:  &corev1.Probe{PeriodSeconds: 1, ProbeHandler: corev1.ProbeHandler{HTTPGet: get}},
			ReadinessProbe: &corev1.Probe{PeriodSeconds: 1, ProbeHandler: corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{long}}}},
		})
	}
	stripped, err := stripPod(pod)
	require.NoError(t, err)
	kept, ok := stripped.(*corev1.Pod)
	require.True(t, ok)
	require.Less(t, kept.Size(), 64<<10)
	require.LessOrEqual(t, len(kept.Spec.Containers), 32)
	require.Equal(t, workload.Probe{Port: 8080, Method: "GET", Path: "/healthz", Period: time.Second}, probes(kept)[0])
	require.Equal(t, probes(pod), probes(kept))
}
