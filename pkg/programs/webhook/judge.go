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
)

// judge answers admission requests for everything that is only let in or refused. It is safe for concurrent use.
//
//  1. Only what is forbidden, and in a guarded namespace, is refused, whatever a webhook configuration may send here.
//  2. What cannot be read, or whose namespace cannot, is refused.
type judge struct {
	namespaces namespaceLabels
	rules      map[string]rule
	log        *slog.Logger
}

// Handle implements admission.Handler.
func (j *judge) Handle(ctx context.Context, req admission.Request) admission.Response {
	rule, known := j.rules[about(req)]
	if !known {
		return admission.Allowed("")
	}
	problems, err := bounded(ctx, rule, req)
	if err == nil && len(problems) == 0 {
		return admission.Allowed("")
	}
	labels, unread := j.namespaces.Labels(ctx, req.Namespace)
	switch {
	case unread != nil:
		j.log.ErrorContext(ctx, "cannot tell whether a namespace is foreign: refused", "namespace", req.Namespace, "error", unread)
		return admission.Errored(http.StatusInternalServerError, unreadable(req.Namespace, unread))
	case !guarded(req.Namespace, labels):
		return admission.Allowed("")
	case err != nil:
		return undecided(err)
	}
	j.log.WarnContext(ctx, "refused", "namespace", req.Namespace, "resource", about(req), "name", shownName(req), "operation", req.Operation,
		"user", req.UserInfo.Username, "problems", problems.ToAggregate().Error())
	return refuse(req, problems)
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
