package webhook

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admission/v1"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

func TestOnlyANamespaceThatBecomesAGuestsIsJudged(t *testing.T) {
	const ordinary, guests = `{"metadata":{"name":"svc"}}`, `{"metadata":{"name":"svc","labels":{"liqo.io/remote-cluster-id":"pharma"}}}`
	const tenant = `{"metadata":{"name":"svc","labels":{"liqo.io/remote-cluster-id":"pharma","liqo.io/tenant-namespace":"true"}}}`
	judged := func(operation admissionv1.Operation, now, before string) admission.Response {
		return (&spaceJudge{log: slog.New(slog.DiscardHandler)}).Handle(t.Context(), asked(operation, "/namespaces", now, before))
	}
	require.True(t, judged(admissionv1.Create, ordinary, "").Allowed)
	require.True(t, judged(admissionv1.Create, tenant, "").Allowed)
	require.True(t, judged(admissionv1.Update, guests, guests).Allowed, "it was there before")
	require.True(t, judged(admissionv1.Update, ordinary, guests).Allowed)
	require.True(t, judged(admissionv1.Delete, "", guests).Allowed)
	for _, refused := range []admission.Response{
		judged(admissionv1.Create, guests, ""), judged(admissionv1.Update, guests, ordinary), judged(admissionv1.Update, guests, tenant),
	} {
		require.False(t, refused.Allowed)
		require.Equal(t, "metadata.name", refused.Result.Details.Causes[0].Field)
	}
	require.False(t, judged(admissionv1.Create, `{"metadata":7}`, "").Allowed)
	require.False(t, judged(admissionv1.Update, guests, `{"metadata":7}`).Allowed)
}

func TestAPodInANamespaceOfAReservedNameIsWarnedOf(t *testing.T) {
	i := handler()
	i.namespaces = known{"svc": i.namespaces.(known)["pharma"]}
	response := i.Handle(t.Context(), creation("svc", plainPod))
	require.True(t, response.Allowed)
	require.Len(t, response.Warnings, 1)
	require.Contains(t, response.Warnings[0], "namespace svc: metadata.name: Forbidden")
}
