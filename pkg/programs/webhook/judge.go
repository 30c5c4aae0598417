package webhook

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"

	admissionv1 "k8s.io/api/admission/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"data-space.liqo.io/pkg/decisions/admit"
	"data-space.liqo.io/pkg/values/apis"
)

// judge answers admission requests for everything that is only let in or refused. It is safe for concurrent use.
//
//  1. Only what is forbidden, and in a guarded namespace, is refused, whatever a webhook configuration may send here.
//  2. What cannot be read, or whose namespace or guest cannot, is refused, unless the strictest settings allow it.
//  3. What holds for a guest is looked up for each request: a change of its GuestPolicy needs no restart.
type judge struct {
	namespaces namespaceLabels
	guests     guestPolicies
	rules      map[string]func(admit.Settings) rule
	// reserved decides about the pods that the rules admit: whether they may come onto reserved nodes. nil: no node is reserved.
	reserved admission.Handler
	audited  auditCounter
	log      *slog.Logger
}

// Handle implements admission.Handler.
func (j *judge) Handle(ctx context.Context, req admission.Request) admission.Response {
	rule, known := j.rules[about(req)]
	if !known {
		return admission.Allowed("")
	}
	labels, unread := j.namespaces.Labels(ctx, req.Namespace)
	if unread == nil && !guarded(req.Namespace, labels) {
		return admission.Allowed("")
	}
	guest := apis.Guest(labels)
	settings := j.guests.flags.Strictest()
	if unread != nil {
		unread = unreadable(req.Namespace, unread)
	} else if found, err := j.guests.Settings(ctx, guest); err == nil {
		if settings = found; apis.IsSuspended(labels) { // by Liqo's Tenant, or by hand
			settings.SuspendedGuest = guest
		}
	} else {
		unread = err
	}
	problems, reported, err := audit(settings, func(s admit.Settings) (field.ErrorList, error) { return bounded(ctx, rule(s), req) })
	logger := j.log.With("namespace", req.Namespace, "resource", about(req), "name", shownName(req), "operation", req.Operation, "user", req.UserInfo.Username)
	switch {
	case err == nil && len(problems) == 0:
		response := j.admitted(ctx, req, guest, reported, logger)
		if j.reserved != nil && about(req) == "/pods" {
			placed := j.reserved.Handle(ctx, req)
			placed.Warnings = append(response.Warnings, placed.Warnings...)
			return placed
		}
		return response
	case unread != nil:
		logger.ErrorContext(ctx, "cannot read what holds in the namespace: refused", "error", unread)
		return admission.Errored(http.StatusInternalServerError, unread)
	case err != nil:
		return undecided(err)
	}
	logger.WarnContext(ctx, "refused", "problems", problems.ToAggregate().Error())
	return refuse(req, problems)
}

// admitted answers a request that nothing speaks against, or only what is audited.
func (j *judge) admitted(ctx context.Context, req admission.Request, guest string, reported field.ErrorList, logger *slog.Logger) admission.Response {
	response := admission.Allowed("")
	if len(reported) > 0 {
		j.audited.count(guest, req, sectionWorkload)
		logger.WarnContext(ctx, "admitted by mode Audit", "guest", guest, "problems", reported.ToAggregate().Error())
		response.Warnings = auditWarnings(sectionWorkload, reported)
	}
	return response
}

// about names what a request is about, as the keys of rules do.
func about(req admission.Request) string {
	if req.SubResource != "" {
		return req.Resource.Group + "/" + req.Resource.Resource + "/" + req.SubResource
	}
	return req.Resource.Group + "/" + req.Resource.Resource
}

func refuse(req admission.Request, problems field.ErrorList) admission.Response {
	kind := schema.GroupKind{Group: req.Kind.Group, Kind: req.Kind.Kind}
	status := apierrors.NewInvalid(kind, shownName(req), problems).Status()
	return admission.Response{AdmissionResponse: admissionv1.AdmissionResponse{Result: &status}}
}

func unreadable(namespace string, err error) error {
	return fmt.Errorf("cannot tell whether namespace %s is foreign: %w; try again, and see the log of %s if it stays", namespace, err, Name)
}
