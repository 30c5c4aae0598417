package controller

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/decisions/admit"
	"data-space.liqo.io/pkg/decisions/guard"
	"data-space.liqo.io/pkg/values/apis"
)

// Reasons of the Events that the controller puts on namespaces.
const (
	ReasonMalformedLabel = "MalformedLabel"        // a label of the namespace is not understood
	ReasonMalformedNote  = "MalformedAnnotation"   // an annotation of the namespace is not understood
	ReasonReservedName   = "NamespaceNameReserved" // a guest's namespace that was there before is called as none would be today
	ReasonUndecided      = "ProxyConfigFailed"     // the proxy's configuration cannot be decided
	ReasonRestored       = "GuardRestored"         // another client changed an object of ours; it is as it was
	ReasonRecreated      = "GuardRecreated"        // another client deleted an object of ours; it is back
)

// recorder is the part of an event recorder that is used.
type recorder interface {
	// Eventf emits an Event on regarding, in the background; failures are logged by the recorder.
	Eventf(regarding, related runtime.Object, eventtype, reason, action, note string, args ...any)
}

// reporter writes into the log and as Events on the namespace what happened, each thing once. It is safe for concurrent use.
type reporter struct {
	events recorder
	logger *slog.Logger
	mu     sync.Mutex
	// told is what was last reported as wrong, by namespace.
	told map[string]string
	// named are the namespaces whose name was judged, misnamed those of them that admission would refuse, and misnames counts these.
	named    map[string]types.UID
	misnamed map[string]bool
	misnames prometheus.Gauge
	// present are the objects that the cache has shown since they were last made: if one is missing, another client deleted it.
	present map[string]bool
	// repaired are the versions of objects that were repaired already: if one shows up again, it is the cache that lags.
	repaired map[string]string
}

func newReporter(events recorder, logger *slog.Logger) *reporter {
	return &reporter{
		events: events, logger: logger,
		misnames: newMisnames(), misnamed: map[string]bool{}, told: map[string]string{}, named: map[string]types.UID{}, present: map[string]bool{}, repaired: map[string]string{},
	}
}

// findings reports what is wrong with the namespace when that has changed: with its labels, its annotations, or what is made for it.
func (r *reporter) findings(ns *metav1.PartialObjectMetadata, findings []guard.Finding, annotations []string, problem error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(findings) == 0 && len(annotations) == 0 && problem == nil {
		delete(r.told, ns.Name)
		return
	}
	all := fmt.Sprint(findings, annotations, problem)
	if all == r.told[ns.Name] {
		return
	}
	r.told[ns.Name] = all
	for _, finding := range findings {
		r.warn(ns, nil, ReasonMalformedLabel, "Read "+finding.Label, finding.String())
	}
	for _, annotation := range annotations {
		r.warn(ns, nil, ReasonMalformedNote, "Read", annotation)
	}
	if problem != nil {
		r.warn(ns, nil, ReasonUndecided, "Configure", problem.Error())
	}
}

// name reports once that a guest's namespace has a name that admission would refuse: it was there before.
func (r *reporter) name(ns *metav1.PartialObjectMetadata, names admit.SpaceNames) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !apis.IsForeign(ns.Labels) {
		delete(r.named, ns.Name)
		r.countMisnamed(ns.Name, false)
		return
	}
	if r.named[ns.Name] == ns.UID {
		return
	}
	r.named[ns.Name] = ns.UID
	problems := admit.Space(ns.Name, apis.Guest(ns.Labels), names)
	r.countMisnamed(ns.Name, len(problems) > 0)
	for _, problem := range problems {
		r.warn(ns, nil, ReasonReservedName, "Name", problem.Error())
	}
}

// seen notes that the cache shows the object.
func (r *reporter) seen(have client.Object) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.present[describe(have)] = true
}

// done reports a step that was taken.
func (r *reporter) done(ns *metav1.PartialObjectMetadata, step guard.Step, want, have client.Object) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case step.Verb == guard.Delete:
		r.forget(have)
		r.logger.Info("removed", "object", describe(have))
	case step.Verb == guard.Release:
		r.logger.Info("finalizers taken off, so that it can be made again", "object", describe(have))
	case have == nil && r.present[describe(want)]:
		r.forget(want)
		r.warn(ns, want, ReasonRecreated, "Guard", describe(want)+" had been deleted and is back")
	case have == nil:
		r.logger.Info("created", "object", describe(want))
	default:
		r.restored(ns, step, have)
	}
}

func (r *reporter) restored(ns *metav1.PartialObjectMetadata, step guard.Step, have client.Object) {
	name, version := describe(have), have.GetResourceVersion()
	if r.repaired[name] == version {
		return
	}
	r.repaired[name] = version
	if step.Verb == guard.Replace {
		delete(r.present, name) // its disappearance is our doing
	}
	var fields []string
	for _, drift := range step.Drifts {
		fields = append(fields, drift.Field)
	}
	changed := strings.Join(fields, ", ")
	editor := guard.Editor(have, step.Drifts)
	if editor == "" {
		r.logger.Info("updated to what is now wanted", "object", name, "fields", changed)
		return
	}
	r.warn(ns, have, ReasonRestored, "Guard", fmt.Sprintf("%s: %s had been changed by field manager %q and is as it was", name, changed, editor))
}

func (r *reporter) forget(o client.Object) {
	delete(r.present, describe(o))
	delete(r.repaired, describe(o))
}

// warn logs the note and makes it an Event on the namespace. Events that agree in all but their note are counted as one
// for some minutes, so what differs has an action or a related object of its own.
func (r *reporter) warn(ns *metav1.PartialObjectMetadata, about client.Object, reason, action, note string) {
	r.logger.Warn(note, "namespace", ns.Name, "reason", reason)
	regarding := &corev1.Namespace{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"},
		ObjectMeta: metav1.ObjectMeta{Name: ns.Name, UID: ns.UID},
	}
	var related runtime.Object
	if about != nil {
		related = about
	}
	r.events.Eventf(regarding, related, corev1.EventTypeWarning, reason, action, "%s", note)
}
