package withhold

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// Text stands for what was withheld. It is the same for all: a hash or a length would carry what the guest can look up in a
// table that it made itself.
const Text = "withheld by the Hospital"

// Finding is a text that is withheld, and the JSON pointer (RFC 6901) to it.
type Finding struct {
	Pointer, Original string
}

// Status returns what is withheld of a pod's status: the termination messages of its containers, and why one waits where a
// path or a link of the pod's own may be part of the reason.
func Status(status *corev1.PodStatus) []Finding {
	var found []Finding
	for _, list := range []struct {
		name     string
		statuses []corev1.ContainerStatus
	}{
		{"containerStatuses", status.ContainerStatuses},
		{"initContainerStatuses", status.InitContainerStatuses},
		{"ephemeralContainerStatuses", status.EphemeralContainerStatuses},
	} {
		for i := range list.statuses {
			at := fmt.Sprintf("/status/%s/%d", list.name, i)
			found = append(found, ofState(&list.statuses[i].State, at+"/state")...)
			found = append(found, ofState(&list.statuses[i].LastTerminationState, at+"/lastState")...)
		}
	}
	return found
}

func ofState(state *corev1.ContainerState, at string) []Finding {
	var found []Finding
	if t := state.Terminated; t != nil && withheld(t.Message) {
		found = append(found, Finding{at + "/terminated/message", t.Message})
	}
	if w := state.Waiting; w != nil && withheld(w.Message) && !slices.Contains(PlainWaits(), w.Reason) {
		found = append(found, Finding{at + "/waiting/message", w.Message})
	}
	return found
}

func withheld(text string) bool { return text != "" && text != Text }

// PlainWaits are the reasons to wait whose message is made of the pod's specification and of what a registry answered.
func PlainWaits() []string {
	return []string{"ContainerCreating", "PodInitializing", "CrashLoopBackOff", "ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull"}
}

// Event is what is looked at of an Event, in either API group.
type Event struct {
	// Reporters are the names in all fields that name one.
	Reporters    []string
	Reason, Text string
	// ByNode says that a node's identity writes it.
	ByNode bool
}

// Withheld reports whether the Event's text is withheld: a kubelet puts the output of probes and hooks into it, and errors
// that name what a link leads to.
func (e Event) Withheld() bool {
	if !withheld(e.Text) || !e.ByNode && !slices.Contains(e.Reporters, "kubelet") {
		return false
	}
	pull := e.Reason == "Failed" && (strings.HasPrefix(e.Text, "Failed to pull image ") || e.Text == "Error: ErrImagePull" || e.Text == "Error: ImagePullBackOff")
	return !pull && !slices.Contains(PlainReasons(), e.Reason)
}

// PlainReasons are the reasons of a kubelet's Events whose text is made of the pod's specification.
func PlainReasons() []string {
	return []string{"Pulling", "Pulled", "Created", "Started", "Killing", "BackOff", "SandboxChanged", "FailedCreatePodSandBox", "NetworkNotReady", "Preempting"}
}
