package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admission/v1"
	apijson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

func fullReview(tb testing.TB) []byte {
	tb.Helper()
	compact := &bytes.Buffer{}
	require.NoError(tb, json.Compact(compact, []byte(appPod)))
	request := creation("pharma", compact.String()).AdmissionRequest
	request.UID, request.UserInfo.Username, request.UserInfo.Groups = "7f", "a \"b\" {}", []string{"system:authenticated"}
	request.Options.Raw = []byte(`{"kind":"CreateOptions"}`)
	body, err := json.Marshal(admissionv1.AdmissionReview{TypeMeta: reviewType(), Request: &request})
	require.NoError(tb, err)
	return body
}

func TestARequestIsReadAsTheAPIServerWroteIt(t *testing.T) {
	for _, body := range [][]byte{fullReview(t), bytes.ReplaceAll(fullReview(t), []byte(`,"`), []byte(" ,\n\t\""))} {
		whole := admissionv1.AdmissionReview{}
		require.NoError(t, apijson.Unmarshal(body, &whole))
		req, err := requestOf(body)
		require.NoError(t, err)
		require.Equal(t, *whole.Request, req.AdmissionRequest)
	}
}

func TestWhatIsNoReviewIsNotAllowed(t *testing.T) {
	allow := admission.HandlerFunc(func(context.Context, admission.Request) admission.Response { return admission.Allowed("") })
	ask := func(kind, body string) *admissionv1.AdmissionResponse {
		t.Helper()
		request := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		request.Header.Set("Content-Type", kind)
		recorder := httptest.NewRecorder()
		newReviews(allow, slog.New(slog.DiscardHandler)).ServeHTTP(recorder, request)
		answer := admissionv1.AdmissionReview{}
		require.NoError(t, json.Unmarshal(recorder.Body.Bytes(), &answer))
		require.Equal(t, reviewType(), answer.TypeMeta)
		return answer.Response
	}
	good := string(fullReview(t))
	require.True(t, ask("application/json", good).Allowed)
	require.Equal(t, "7f", string(ask("application/json", good).UID))
	for _, body := range []string{
		"", "null", "[]", "{}", good[:len(good)-1], good[:200], strings.Replace(good, "k8s.io/v1", "k8s.io/v1beta1", 1), strings.Replace(good, "AdmissionReview", "Pod", 1),
		strings.Replace(good, `"uid":"7f"`, `"uid":7`, 1), `{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1"}`,
		`{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":null}`, `{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"kind":7}}`,
	} {
		answer := ask("application/json", body)
		require.False(t, answer.Allowed, "%.60s", body)
		require.Equal(t, int32(http.StatusBadRequest), answer.Result.Code)
	}
	require.False(t, ask("text/plain", good).Allowed)
}

func TestAHandlerThatPanicsAllowsNothing(t *testing.T) {
	broken := admission.HandlerFunc(func(context.Context, admission.Request) admission.Response {
		var none []int
		return admission.Allowed(fmt.Sprint(none[len(none)])) //nolint:gocritic // It panics on purpose.
	})
	server := served(t, newReviews(broken, slog.New(slog.DiscardHandler)))
	answer, err := post(server.URL, review(t, "a", `{}`))
	require.NoError(t, err)
	require.False(t, answer.Allowed)
	require.Equal(t, int32(http.StatusInternalServerError), answer.Result.Code)
	require.Equal(t, "uid-a", string(answer.UID))
}

// FuzzReview compares the request that is cut out of a body with the one that a JSON library reads.
func FuzzReview(f *testing.F) {
	f.Add(fullReview(f))
	f.Add([]byte(`{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":"a","object":{"x":"\"}"},"oldObject":null}}`))
	f.Add([]byte(`{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"object":{},"object":null,"Object":7,"userInfo":{"username":"a"},"userInfo":{"groups":["b"]}}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		whole := admissionv1.AdmissionReview{}
		req, err := requestOf(body)
		if err != nil || apijson.Unmarshal(body, &whole) != nil || whole.Request == nil {
			return
		}
		require.Equal(t, *whole.Request, req.AdmissionRequest)
	})
}
