package apiproxy

import (
	"encoding/json"
	"errors"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"data-space.liqo.io/pkg/decisions/window"
)

// answer writes an error as the API server writes it.
func answer(w http.ResponseWriter, err error) {
	status := statusOf(err)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-cache, private")
	if status.Details != nil && status.Details.RetryAfterSeconds > 0 {
		w.Header().Set("Retry-After", "1")
	}
	w.WriteHeader(int(status.Code))
	_, _ = w.Write(statusDocument(status)) //nolint:gosec // It is JSON, whose encoder escapes markup. An error: the client is gone.
}

func statusDocument(status metav1.Status) []byte {
	text, err := json.Marshal(status)
	if err != nil {
		return []byte(`{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","code":500}`)
	}
	return append(text, '\n')
}

func statusOf(err error) metav1.Status {
	var known apierrors.APIStatus
	if !errors.As(err, &known) {
		known = apierrors.NewInternalError(errors.New("the API proxy failed; see its log"))
		if errors.As(err, &window.BadRequestError{}) {
			known = apierrors.NewBadRequest(err.Error())
		}
		if errors.As(err, &window.ExpiredError{}) {
			known = apierrors.NewResourceExpired(err.Error())
		}
	}
	status := known.Status()
	status.Kind, status.APIVersion = "Status", "v1"
	return status
}

func absent(kind schema.GroupResource, name string) error { return apierrors.NewNotFound(kind, name) }

func forbidden(why string) error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{
		Status: metav1.StatusFailure, Code: http.StatusForbidden, Reason: metav1.StatusReasonForbidden, Message: "forbidden: " + why,
	}}
}

func notAcceptable() error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{
		Status: metav1.StatusFailure, Code: http.StatusNotAcceptable, Reason: metav1.StatusReasonNotAcceptable,
		Message: "only the following media types are accepted: application/json",
	}}
}
