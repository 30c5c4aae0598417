package webhook

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"data-space.liqo.io/pkg/decisions/admit"
	"data-space.liqo.io/pkg/decisions/inject"
	"data-space.liqo.io/pkg/decisions/limits"
	"data-space.liqo.io/pkg/values/apis"
)

// namespaceLabels tells a namespace's labels as they are now.
type namespaceLabels interface {
	// Labels returns the labels of a namespace; an error if the namespace is not there or the API server does not answer.
	Labels(ctx context.Context, namespace string) (map[string]string, error)
}

// guestSpaces returns the properties of a namespace on which the judgement of its pods depends: its labels, its annotations, and what it asks of containers.
type guestSpaces interface {
	namespaceLabels
	// Metadata returns the labels and annotations of a namespace.
	Metadata(ctx context.Context, namespace string) (*metav1.PartialObjectMetadata, error)
	// Room returns what the LimitRanges and ResourceQuotas of a namespace leave for containers, as far as the cache knows them.
	Room(ctx context.Context, namespace string) inject.Room
}

// injector answers admission requests for pods. It is safe for concurrent use.
//
//  1. Only the CREATE of a pod in a guarded namespace is judged, and what an update adds to its ephemeral containers;
//     everything else is allowed as it is, whatever a webhook configuration may send here.
//  2. A namespace that cannot be read is no reason to let a pod through.
type injector struct {
	namespaces guestSpaces
	guests     guestPolicies
	audited    auditCounter
	proxy      inject.Settings
	seals      sealer
	// priority returns the value of the PriorityClass that pods get; nil where it is unknown.
	priority func() *int32
	spaces   admit.SpaceNames
	log      *slog.Logger
}

// Handle implements admission.Handler.
func (i *injector) Handle(ctx context.Context, req admission.Request) admission.Response {
	decide := i.decision(req)
	if decide == nil {
		return admission.Allowed("")
	}
	space, err := i.namespaces.Metadata(ctx, req.Namespace)
	if err != nil {
		i.log.ErrorContext(ctx, "cannot tell whether a pod's namespace is foreign: refused", "namespace", req.Namespace, "error", err)
		return admission.Errored(http.StatusInternalServerError, unreadable(req.Namespace, err))
	}
	labels := space.Labels
	if !guarded(req.Namespace, labels) {
		i.log.DebugContext(ctx, "not a foreign namespace: left as it is", "namespace", req.Namespace, "pod", req.Name)
		return admission.Allowed("")
	}
	settings, warnings := i.proxy.In(space.Annotations)
	settings.HTTPProxy, settings.Guest = apis.HTTPProxyWanted(labels), apis.Guest(labels)
	settings.GuestPriority = i.priority()
	settings.Room, settings.Seal = i.namespaces.Room(ctx, req.Namespace), i.seals.seal(req.Namespace)
	grants, err := i.guests.Settings(ctx, settings.Guest)
	if err != nil {
		i.log.ErrorContext(ctx, "cannot read what holds for a pod's guest: refused", "namespace", req.Namespace, "guest", settings.Guest, "error", err)
		return admission.Errored(http.StatusInternalServerError, err)
	}
	if apis.IsSuspended(labels) { // by Liqo's Tenant, or by hand
		grants.SuspendedGuest = settings.Guest
	}
	settings.PriorityClasses, settings.NodeSelector, settings.PriorityGrant = grants.PriorityClasses, grants.NodeSelector, grants.PriorityGrant()
	var result inject.Result
	problems, reported, err := audit(grants, func(grants admit.Settings) (field.ErrorList, error) {
		return bounded(ctx, func(req admission.Request) (problems field.ErrorList, err error) {
			result, problems, err = decide(req, grants, settings)
			return problems, err
		}, req)
	})
	if err != nil {
		return undecided(err)
	}
	if len(reported) > 0 && about(req) != "/pods" { // of pods the judge reports it, which sees them last
		i.audited.count(settings.Guest, req, sectionWorkload)
		warnings = append(warnings, auditWarnings(sectionWorkload, reported)...)
	}
	response := i.answer(ctx, req, result, problems)
	response.Warnings = limits.Warnings(slices.Concat(inject.LabelWarnings(labels), warnings, spaceWarnings(req.Namespace, labels, i.spaces), result.Warnings))
	return response
}

// decision returns what decides about such a request, nil when nothing has to.
func (i *injector) decision(req admission.Request) func(admission.Request, admit.Settings, inject.Settings) (inject.Result, field.ErrorList, error) {
	switch {
	case about(req) == "/pods" && req.Operation == admissionv1.Create:
		return i.created
	case about(req) == "/pods/ephemeralcontainers" && req.Operation == admissionv1.Update:
		return i.extended
	}
	return nil
}

func (i *injector) created(req admission.Request, grants admit.Settings, proxy inject.Settings) (inject.Result, field.ErrorList, error) {
	pod, err := decode[corev1.Pod](req.Object)
	if err != nil {
		return inject.Result{}, nil, err
	}
	if problems := admit.Pod(&pod.ObjectMeta, &pod.Spec, grants, field.NewPath("spec")); len(problems) > 0 {
		return inject.Result{}, problems, nil
	}
	result, problems := inject.Inject(pod, proxy)
	return result, problems, nil
}

func (i *injector) extended(req admission.Request, grants admit.Settings, proxy inject.Settings) (inject.Result, field.ErrorList, error) {
	now, err := decode[corev1.Pod](req.Object)
	if err != nil {
		return inject.Result{}, nil, err
	}
	before, err := decode[corev1.Pod](req.OldObject)
	if err != nil {
		return inject.Result{}, nil, err
	}
	if problems := admit.EphemeralContainers(now, before, grants); len(problems) > 0 {
		return inject.Result{}, problems, nil
	}
	return inject.Ephemeral(now, before, proxy), nil, nil
}

// answer turns the decision into what the API server expects.
func (i *injector) answer(ctx context.Context, req admission.Request, result inject.Result, problems field.ErrorList) admission.Response {
	logger := i.log.With("namespace", req.Namespace, "pod", shownName(req))
	if len(problems) > 0 {
		logger.WarnContext(ctx, "pod refused", "user", req.UserInfo.Username, "problems", problems.ToAggregate().Error())
		return refuse(req, problems)
	}
	response := admission.Allowed("")
	if len(result.Patch) == 0 {
		return response
	}
	data, err := json.Marshal(result.Patch)
	if err != nil {
		return admission.Errored(http.StatusInternalServerError, fmt.Errorf("writing the patch of pod %s: %w", shownName(req), err))
	}
	kind := admissionv1.PatchTypeJSONPatch
	response.Patch, response.PatchType = data, &kind
	logger.InfoContext(ctx, "proxy injected")
	return response
}

// guarded reports whether pods of a namespace get a proxy. The cluster's and our own namespace never do, whatever labels
// they bear: they must start while this program is away.
func guarded(namespace string, labels map[string]string) bool {
	return namespace != metav1.NamespaceSystem && namespace != apis.SystemNamespace && apis.IsGuarded(labels)
}
