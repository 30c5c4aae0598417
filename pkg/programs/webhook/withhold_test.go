package webhook

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admission/v1"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"data-space.liqo.io/pkg/decisions/inject"
	"data-space.liqo.io/pkg/decisions/withhold"
)

// spoken has something that is withheld of each kind, and the pointer to it.
func spoken() map[string][2]string {
	return map[string][2]string{
		"/pods/status": {
			`{"metadata":{"name":"app"},"status":{"containerStatuses":[{"state":{"terminated":{"message":"a patient"}}}]}}`,
			"/status/containerStatuses/0/state/terminated/message",
		},
		"/events":              {`{"source":{"component":"kubelet"},"reason":"Unhealthy","message":"a patient"}`, "/message"},
		"events.k8s.io/events": {`{"reportingController":"kubelet","reason":"Unhealthy","note":"a patient"}`, "/note"},
	}
}

func withholding(output APIOutput) *withholder {
	return &withholder{namespaces: handler().namespaces, output: output, log: slog.New(slog.DiscardHandler)}
}

func TestWhatIsWithheldIsReplacedAndEverythingLetIn(t *testing.T) {
	for thing, c := range spoken() {
		response := withholding(OutputClosed).Handle(t.Context(), asked(admissionv1.Update, thing, c[0], "{}"))
		require.True(t, response.Allowed, thing)
		var operations []inject.Operation
		require.NoError(t, json.Unmarshal(response.Patch, &operations))
		require.Equal(t, []inject.Operation{{Op: "replace", Path: c[1], Value: withhold.Text}}, operations)

		elsewhere := asked(admissionv1.Update, thing, c[0], "{}")
		elsewhere.Namespace = "hospital"
		for what, response := range map[string]admission.Response{
			"another mode":      withholding(OutputAllowed).Handle(t.Context(), asked(admissionv1.Update, thing, c[0], "{}")),
			"no mode":           withholding("").Handle(t.Context(), asked(admissionv1.Update, thing, c[0], "{}")),
			"another namespace": withholding(OutputClosed).Handle(t.Context(), elsewhere),
			"a deletion":        withholding(OutputClosed).Handle(t.Context(), asked(admissionv1.Delete, thing, "", c[0])),
			"nothing said":      withholding(OutputClosed).Handle(t.Context(), asked(admissionv1.Update, thing, "{}", c[0])),
			"another thing":     withholding(OutputClosed).Handle(t.Context(), asked(admissionv1.Update, "/pods", c[0], "{}")),
		} {
			require.True(t, response.Allowed, "%s: %s", thing, what)
			require.Empty(t, response.Patch, "%s: %s", thing, what)
		}
	}
}

func TestWhatCannotBeReadIsNotShown(t *testing.T) {
	for thing, c := range spoken() {
		response := withholding(OutputClosed).Handle(t.Context(), asked(admissionv1.Update, thing, `{"status":7,"reason":7}`, "{}"))
		require.Equal(t, int32(http.StatusBadRequest), response.Result.Code, thing)
		unreadable := asked(admissionv1.Update, thing, c[0], "{}")
		unreadable.Namespace = "unreadable"
		require.Equal(t, int32(http.StatusInternalServerError), withholding(OutputClosed).Handle(t.Context(), unreadable).Result.Code, thing)
	}
}
