package webhook

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"data-space.liqo.io/pkg/decisions/inject"
	"data-space.liqo.io/pkg/decisions/withhold"
)

// APIOutput says what of a foreign pod's output the guest may read from statuses and Events.
type APIOutput string

const (
	// OutputAllowed leaves both as they are.
	OutputAllowed APIOutput = "allowed"
	// OutputClosed withholds the texts that a process of the pod wrote or could have chosen.
	OutputClosed APIOutput = "closed"
)

// ParseAPIOutput accepts allowed and closed.
func ParseAPIOutput(text string) (APIOutput, error) {
	switch output := APIOutput(text); output {
	case OutputAllowed, OutputClosed:
		return output, nil
	}
	return "", fmt.Errorf("%q is unknown; use allowed, or closed with the component deploy/closed-output", text)
}

// withholder answers admission requests for statuses and Events of foreign pods. Everything is let in; what is withheld is
// replaced, and the log has its hash, with which the text can be recognized elsewhere.
type withholder struct {
	namespaces namespaceLabels
	output     APIOutput
	log        *slog.Logger
}

// Handle implements admission.Handler.
func (w *withholder) Handle(ctx context.Context, req admission.Request) admission.Response {
	if w.output != OutputClosed || req.Operation != admissionv1.Create && req.Operation != admissionv1.Update {
		return admission.Allowed("")
	}
	var found []withhold.Finding
	// A node's own statuses are not the guest's to blow up, and are never held up.
	rule := func(req admission.Request) (_ field.ErrorList, err error) { //nolint:unparam // The form of a rule.
		found, err = findings(req)
		return nil, err
	}
	ask := func() (field.ErrorList, error) { return bounded(ctx, rule, req) }
	if byNode(req) {
		ask = func() (field.ErrorList, error) { return rule(req) }
	}
	over, err := ask()
	if err != nil {
		return undecided(err)
	}
	if len(found) == 0 && len(over) == 0 {
		return admission.Allowed("")
	}
	labels, err := w.namespaces.Labels(ctx, req.Namespace)
	if err != nil {
		return admission.Errored(http.StatusInternalServerError, unreadable(req.Namespace, err))
	}
	if !guarded(req.Namespace, labels) {
		return admission.Allowed("")
	}
	if len(over) > 0 {
		return refuse(req, over)
	}
	operations := make([]inject.Operation, 0, len(found))
	for _, f := range found {
		sum := sha256.Sum256([]byte(f.Original))
		w.log.InfoContext(ctx, "text withheld", "namespace", req.Namespace, "resource", about(req), "name", shownName(req),
			"field", f.Pointer, "bytes", len(f.Original), "sha256", hex.EncodeToString(sum[:]))
		operations = append(operations, inject.Operation{Op: "replace", Path: f.Pointer, Value: withhold.Text})
	}
	data, err := json.Marshal(operations)
	if err != nil {
		return admission.Errored(http.StatusInternalServerError, fmt.Errorf("writing the patch of %s: %w", shownName(req), err))
	}
	response, kind := admission.Allowed(""), admissionv1.PatchTypeJSONPatch
	response.Patch, response.PatchType = data, &kind
	return response
}

// findings returns what is withheld of the object in a request.
func findings(req admission.Request) ([]withhold.Finding, error) {
	byNode := byNode(req)
	switch about(req) {
	case "/pods/status":
		pod, err := decode[corev1.Pod](req.Object)
		if err != nil {
			return nil, err
		}
		return withhold.Status(&pod.Status), nil
	case "/events":
		e, err := decode[corev1.Event](req.Object)
		if err != nil {
			return nil, err
		}
		return ofEvent("/message", withhold.Event{
			Reporters: []string{e.Source.Component, e.ReportingController}, Reason: e.Reason, Text: e.Message, ByNode: byNode,
		}), nil
	case eventsv1.GroupName + "/events":
		e, err := decode[eventsv1.Event](req.Object)
		if err != nil {
			return nil, err
		}
		return ofEvent("/note", withhold.Event{
			Reporters: []string{e.DeprecatedSource.Component, e.ReportingController}, Reason: e.Reason, Text: e.Note, ByNode: byNode,
		}), nil
	}
	return nil, nil
}

// byNode reports whether a kubelet asks.
func byNode(req admission.Request) bool { return slices.Contains(req.UserInfo.Groups, "system:nodes") }

func ofEvent(pointer string, e withhold.Event) []withhold.Finding {
	if !e.Withheld() {
		return nil
	}
	return []withhold.Finding{{Pointer: pointer, Original: e.Text}}
}
