package podwatch

import (
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

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
