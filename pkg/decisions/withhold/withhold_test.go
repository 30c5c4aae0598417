package withhold

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
)

func ended(text string) corev1.ContainerState {
	return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Message: text}}
}

func waiting(reason, text string) corev1.ContainerState {
	return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: text}}
}

func TestWhatAProcessWroteIsWithheldWhereverAStatusHoldsIt(t *testing.T) {
	secret := strings.Repeat("a patient", 400)
	status := &corev1.PodStatus{
		InitContainerStatuses: []corev1.ContainerStatus{{State: ended("")}, {State: ended(secret)}},
		ContainerStatuses: []corev1.ContainerStatus{
			{State: waiting("CrashLoopBackOff", "back-off"), LastTerminationState: ended(secret)},
			{State: ended(Text), LastTerminationState: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}},
			{State: waiting("RunContainerError", "chdir /patient-7")},
			{State: waiting("", "x")},
		},
		EphemeralContainerStatuses: []corev1.ContainerStatus{{State: ended("x")}},
	}
	require.Equal(t, []Finding{
		{"/status/containerStatuses/0/lastState/terminated/message", secret},
		{"/status/containerStatuses/2/state/waiting/message", "chdir /patient-7"},
		{"/status/containerStatuses/3/state/waiting/message", "x"},
		{"/status/initContainerStatuses/1/state/terminated/message", secret},
		{"/status/ephemeralContainerStatuses/0/state/terminated/message", "x"},
	}, Status(status))
	require.Empty(t, Status(&corev1.PodStatus{}))
}

func TestAKubeletsEventsKeepOnlyPlainTexts(t *testing.T) {
	for _, c := range []struct {
		event    Event
		withheld bool
	}{
		{Event{Reporters: []string{"kubelet"}, Reason: "Unhealthy", Text: "Readiness probe failed: a patient"}, true},
		{Event{Reporters: []string{"", "kubelet"}, Reason: "ProbeWarning", Text: "body"}, true},
		{Event{Reporters: []string{"kubelet"}, Reason: "FailedPostStartHook", Text: "output"}, true},
		{Event{Reporters: []string{"kubelet"}, Reason: "Failed", Text: "Error: chdir /patient-7"}, true},
		{Event{Reporters: []string{"kubelet"}, Reason: "OfTomorrow", Text: "x"}, true},
		{Event{Reporters: []string{"other"}, ByNode: true, Reason: "Unhealthy", Text: "x"}, true},
		{Event{Reporters: []string{"kubelet"}, Reason: "Unhealthy", Text: Text}, false},
		{Event{Reporters: []string{"kubelet"}, Reason: "Unhealthy"}, false},
		{Event{Reporters: []string{"kubelet"}, Reason: "Started", Text: "Started container app"}, false},
		{Event{Reporters: []string{"kubelet"}, Reason: "Failed", Text: `Failed to pull image "app:1": not found`}, false},
		{Event{Reporters: []string{"kubelet"}, Reason: "Failed", Text: "Error: ErrImagePull"}, false},
		{Event{Reporters: []string{"pharma-operator"}, Reason: "Unhealthy", Text: "the guest's own"}, false},
	} {
		require.Equal(t, c.withheld, c.event.Withheld(), "%+v", c.event)
	}
}
