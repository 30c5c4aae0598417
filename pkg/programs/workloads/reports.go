package workloads

import (
	"fmt"
	"hash/crc32"
	"log/slog"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/decisions/leastpriv"
)

// Reasons of the Events that workloads, policies and namespaces get.
const (
	ReasonIncomplete   = "WorkloadPolicyIncomplete" // the workload mentions what its policy does not open
	ReasonNameTaken    = "WorkloadPolicyNameTaken"  // another NetworkPolicy has the name of the workload's
	ReasonRestored     = "WorkloadPolicyRestored"   // another client changed or deleted the policy; it is as it was
	ReasonLabelIgnored = "WorkloadPolicyLabelIgnored"
)

// noteLimit is how long the text of an Event is; the API server accepts 1024 bytes.
const noteLimit = 900

// recorder is the part of an event recorder that is used.
type recorder interface {
	// Eventf emits an Event on regarding, in the background; failures are logged by the recorder.
	Eventf(regarding, related runtime.Object, eventtype, reason, action, note string, args ...any)
}

// reports makes Events, each once for as long as it holds. One round at a time uses it.
type reports struct {
	events recorder
	logger *slog.Logger
	told   map[string]string // by subject and reason
}

// round reports what a round found, and forgets what does not hold any more.
func (r *reports) round(v *view, result leastpriv.Result, restored map[client.ObjectKey]string, taken map[client.ObjectKey]bool) {
	told := map[string]string{}
	say := func(about *corev1.ObjectReference, reason, note string) {
		key := about.Kind + "/" + about.Namespace + "/" + about.Name + "/" + reason
		told[key] = note
		if r.told[key] != note {
			r.warn(about, reason, note)
		}
	}
	for name, problem := range v.problems {
		say(&corev1.ObjectReference{APIVersion: "v1", Kind: "Namespace", Name: name}, ReasonLabelIgnored, problem)
	}
	for _, group := range grouped(result.Findings) {
		say(reference(group.workload), ReasonIncomplete, note(group.messages))
	}
	for _, o := range v.oversize {
		w := leastpriv.Workload{Kind: o.kind, Namespace: o.object.GetNamespace(), Name: o.object.GetName(), UID: o.object.GetUID()}
		say(reference(w), ReasonIncomplete, oversizeNote(o.kind))
	}
	for _, w := range v.Workloads {
		if key := (client.ObjectKey{Namespace: w.Namespace, Name: leastpriv.PolicyName(w.Kind, w.Name)}); taken[key] {
			say(reference(w), ReasonNameTaken, fmt.Sprintf("NetworkPolicy %s is not the controller's and is left as it is: the workload has no policy of its own; rename one of them", key))
		}
	}
	for _, p := range result.Policies {
		if text := restored[client.ObjectKeyFromObject(p)]; text != "" {
			r.warn(referencePolicy(p), ReasonRestored, fmt.Sprintf("NetworkPolicy %s/%s: %s", p.Namespace, p.Name, text))
		}
	}
	r.told = told
}

// warn logs the note and makes it an Event. Events that agree in all but their note are counted as one for some minutes, so each note has an
// action of its own.
func (r *reports) warn(about *corev1.ObjectReference, reason, note string) {
	r.logger.Warn(note, "kind", about.Kind, "namespace", about.Namespace, "name", about.Name, "reason", reason)
	r.events.Eventf(about, nil, corev1.EventTypeWarning, reason, fmt.Sprintf("Decide-%08x", crc32.ChecksumIEEE([]byte(note))), "%s", note)
}

type group struct {
	workload leastpriv.Workload
	messages []string
}

// grouped puts the findings of each workload together, in the order in which workloads have their first.
func grouped(findings []leastpriv.Finding) []*group {
	at := map[string]*group{}
	var all []*group
	for _, f := range findings {
		g := at[f.Workload.String()]
		if g == nil {
			g = &group{workload: f.Workload}
			at[f.Workload.String()] = g
			all = append(all, g)
		}
		g.messages = append(g.messages, f.Message)
	}
	return all
}

// note joins messages as far as an Event holds them.
func note(messages []string) string {
	var text strings.Builder
	for i, m := range messages {
		if text.Len()+len(m) > noteLimit && i > 0 {
			fmt.Fprintf(&text, "; and %d more", len(messages)-i)
			break
		}
		if i > 0 {
			text.WriteString("; ")
		}
		text.WriteString(m[:min(len(m), noteLimit)])
	}
	return text.String()
}

func oversizeNote(kind string) string {
	if kind == "Service" || kind == "EndpointSlice" {
		return fmt.Sprintf("its selector, ports and addresses have more than %d bytes: no policy opens it; make several of it", slicesLimit)
	}
	return fmt.Sprintf("its labels, selector and ports have more than %d bytes: it has no policy of its own, and its pods have what the namespace's other policies open; shorten them", keptLimit)
}

func reference(w leastpriv.Workload) *corev1.ObjectReference {
	version := "apps/v1"
	switch w.Kind {
	case leastpriv.KindPod, "Service":
		version = "v1"
	case "EndpointSlice":
		version = "discovery.k8s.io/v1"
	case leastpriv.KindJob, leastpriv.KindCronJob:
		version = "batch/v1"
	}
	return &corev1.ObjectReference{APIVersion: version, Kind: w.Kind, Namespace: w.Namespace, Name: w.Name, UID: w.UID}
}

func referencePolicy(p *networkingv1.NetworkPolicy) *corev1.ObjectReference {
	kind := metav1.TypeMeta{APIVersion: networkingv1.SchemeGroupVersion.String(), Kind: "NetworkPolicy"}
	return &corev1.ObjectReference{APIVersion: kind.APIVersion, Kind: kind.Kind, Namespace: p.Namespace, Name: p.Name}
}
