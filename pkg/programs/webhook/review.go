package webhook

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"

	"github.com/go-logr/logr"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	apijson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"data-space.liqo.io/pkg/decisions/limits"
)

// reviews answers AdmissionReviews (admission.k8s.io/v1) by what a handler decides. The objects in a request are handed over as they
// stand in its body, neither copied nor decoded: the handler decodes each once, if it must. It is safe for concurrent use.
//
//  1. What is not an AdmissionReview is not allowed.
//  2. A handler that panics allows nothing.
type reviews struct {
	handler *admission.Webhook
	log     *slog.Logger
}

func newReviews(handler admission.Handler, logger *slog.Logger) *reviews {
	return &reviews{log: logger, handler: &admission.Webhook{
		// The library answers for a handler that panics. A logger with a request's fields, which it makes for each, is no use here.
		Handler: handler, LogConstructor: func(base logr.Logger, _ *admission.Request) logr.Logger { return base },
	}}
}

// ServeHTTP implements http.Handler.
func (h *reviews) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	req, err := h.read(r)
	var response admission.Response
	if err == nil {
		response = h.handler.Handle(r.Context(), req)
	} else {
		h.log.ErrorContext(r.Context(), "request without an AdmissionReview", "error", err)
		response = admission.Errored(http.StatusBadRequest, err)
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(admissionv1.AdmissionReview{ // If the connection is closed, the answer is lost.
		TypeMeta: reviewType(), Response: &response.AdmissionResponse,
	})
}

func reviewType() metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: admissionv1.SchemeGroupVersion.String(), Kind: "AdmissionReview"}
}

func (h *reviews) read(r *http.Request) (admission.Request, error) {
	if kind := r.Header.Get("Content-Type"); kind != "application/json" {
		return admission.Request{}, fmt.Errorf("the content type is %q, expected application/json", limits.Cut(kind, limits.MaxName))
	}
	body, err := readAll(r)
	if err != nil {
		return admission.Request{}, fmt.Errorf("reading the request: %w", err)
	}
	return requestOf(body)
}

// readAll reads a body whose size the caller has bounded. If the request has a Content-Length, it allocates once.
func readAll(r *http.Request) ([]byte, error) {
	if r.ContentLength < 0 || r.ContentLength > maxBody {
		return io.ReadAll(r.Body)
	}
	body := make([]byte, r.ContentLength)
	_, err := io.ReadFull(r.Body, body)
	return body, err
}

// requestOf returns the request in an AdmissionReview.
func requestOf(body []byte) (admission.Request, error) {
	review := map[string][]byte{}
	whole := limits.Members(body, func(name, text []byte) bool {
		_, twice := review[string(name)]
		review[string(name)] = text
		return !twice && len(review) <= limits.MaxEntries
	})
	want := reviewType()
	if !whole || textOf(review["apiVersion"]) != want.APIVersion || textOf(review["kind"]) != want.Kind {
		return admission.Request{}, fmt.Errorf("the request is not an %s of %s", want.Kind, want.APIVersion)
	}
	return split(review["request"])
}

// split takes the objects out of a request, and decodes the rest.
func split(request []byte) (admission.Request, error) {
	req := admission.Request{}
	objects := map[string]*runtime.RawExtension{"object": &req.Object, "oldObject": &req.OldObject, "options": &req.Options}
	found := map[string][]byte{}
	rest := append(make([]byte, 0, 2<<10), '{')
	whole := limits.Members(request, func(name, text []byte) bool {
		if objects[string(name)] != nil {
			if string(text) != "null" {
				found[string(name)] = text
			}
			return true
		}
		if len(rest) > 1 {
			rest = append(rest, ',')
		}
		rest = append(append(append(append(rest, '"'), name...), `":`...), text...)
		return true
	})
	if !whole {
		return req, errors.New("the AdmissionReview has no request")
	}
	if err := apijson.Unmarshal(append(rest, '}'), &req.AdmissionRequest); err != nil {
		return req, fmt.Errorf("reading the AdmissionReview: %w", err)
	}
	for name, text := range found {
		objects[name].Raw = text
	}
	return req, nil
}

// textOf returns what a JSON string says, "" for any other value.
func textOf(text []byte) string {
	var value string
	if json.Unmarshal(text, &value) != nil {
		return ""
	}
	return value
}
