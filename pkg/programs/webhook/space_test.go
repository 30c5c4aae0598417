package webhook

import (
	"log/slog"
	"runtime"
	"strings"
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

// TestALargeNamespaceTakesABoundedWork: no scan stands before this handler, and lists of small objects are what costs most.
func TestALargeNamespaceTakesABoundedWork(t *testing.T) {
	j := &spaceJudge{log: slog.New(slog.DiscardHandler)}
	for _, metadata := range []string{
		`{"name":"x","managedFields":[` + repeated(`{}`, 3<<20) + `]}`, `{"name":"x","ownerReferences":[` + repeated(`{}`, 3<<20) + `]}`,
		`{"name":"x","creationTimestamp":"` + strings.Repeat("x", 3<<20) + `"}`, `{"name":{"x":[` + repeated(`[]`, 3<<20) + `]}}`,
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		response := j.Handle(t.Context(), asked(admissionv1.Create, "/namespaces", `{"metadata":`+metadata+`}`, ""))
		runtime.ReadMemStats(&after)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(16<<20), "%.60s", metadata)
		if !response.Allowed {
			require.Less(t, len(response.Result.Message), 2*maxError)
		}
	}
}
