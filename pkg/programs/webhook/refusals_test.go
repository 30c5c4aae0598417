package webhook

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"data-space.liqo.io/pkg/values/fact"
)

type emitted []fact.Fact

func (e *emitted) Emit(f fact.Fact) { *e = append(*e, f) }

func TestARefusedRequestIsAFactAndAnAdmittedOneIsNot(t *testing.T) {
	var facts emitted
	answer := admission.Allowed("")
	h := refusals{
		Handler: admission.HandlerFunc(func(context.Context, admission.Request) admission.Response { return answer }), sink: &facts,
		guest: func(_ context.Context, namespace string) string { return "guest of " + namespace },
	}
	req := admission.Request{AdmissionRequest: admissionv1.AdmissionRequest{
		Namespace: "space", Name: "study", Operation: admissionv1.Create, Kind: metav1.GroupVersionKind{Kind: "Pod"},
		Resource: metav1.GroupVersionResource{Resource: "pods"}, UserInfo: authenticationv1.UserInfo{Username: "liqo"},
	}}
	require.True(t, h.Handle(t.Context(), req).Allowed)
	require.Empty(t, facts)
	answer = admission.Denied("hostNetwork is not allowed")
	require.False(t, h.Handle(t.Context(), req).Allowed)
	require.Equal(t, emitted{{
		Kind: fact.AdmissionRefused, Warning: true, Reason: "/pods", Message: "hostNetwork is not allowed",
		Subject: fact.Subject{Guest: "guest of space", Namespace: "space", Pod: "study"},
		Details: map[string]string{"operation": "CREATE", "user": "liqo", "name": "study", "code": "403"},
	}}, facts)
}
