//go:build api

package webhook

import (
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// reinvoked has a mesh whose webhook is called after ours and puts its sidecar before everything else.
func reinvoked(t *testing.T, w *world) {
	t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(prependMesh))
	t.Cleanup(server.Close)
	mesh := &admissionregistrationv1.MutatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "zz-mesh"},
		Webhooks: []admissionregistrationv1.MutatingWebhook{{
			Name:                    "mesh.example.com",
			AdmissionReviewVersions: []string{"v1"},
			SideEffects:             ptr(admissionregistrationv1.SideEffectClassNone),
			ObjectSelector:          &metav1.LabelSelector{MatchLabels: map[string]string{"mesh": "yes"}},
			ClientConfig: admissionregistrationv1.WebhookClientConfig{
				URL:      &server.URL,
				CABundle: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}),
			},
			Rules: []admissionregistrationv1.RuleWithOperations{{
				Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
				Rule:       admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
			}},
		}},
	}
	w.create(t, mesh)
	w.deleteLater(t, mesh)

	namespace := w.foreign(t)
	var p *corev1.Pod
	require.Eventually(t, func() bool {
		p = pod(namespace, "")
		p.GenerateName, p.Labels = "app-", map[string]string{"mesh": "yes"}
		w.create(t, p)
		return slices.ContainsFunc(p.Spec.InitContainers, func(c corev1.Container) bool { return c.Name == "mesh" })
	}, waitLong, waitStep, "the mesh's webhook is called")
	requireProxy(t, p)
	require.Len(t, p.Spec.InitContainers, 2)
	require.Equal(t, "mesh", p.Spec.InitContainers[1].Name)
	require.Equal(t, []corev1.Capability{"NET_RAW", "NET_ADMIN"}, p.Spec.InitContainers[1].SecurityContext.Capabilities.Drop)
}

func prependMesh(response http.ResponseWriter, request *http.Request) {
	review := &admissionv1.AdmissionReview{}
	if err := json.NewDecoder(request.Body).Decode(review); err != nil {
		http.Error(response, err.Error(), http.StatusBadRequest)
		return
	}
	kind := admissionv1.PatchTypeJSONPatch
	review.Response = &admissionv1.AdmissionResponse{
		UID: review.Request.UID, Allowed: true, PatchType: &kind,
		Patch: []byte(`[{"op": "add", "path": "/spec/initContainers/0", "value": {"name": "mesh", "image": "mesh:1"}}]`),
	}
	_ = json.NewEncoder(response).Encode(review)
}
