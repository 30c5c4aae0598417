package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"data-space.liqo.io/pkg/decisions/admit"
	"data-space.liqo.io/pkg/decisions/inject"
	"data-space.liqo.io/pkg/values/apis"
)

// known is a set of namespaces with their labels.
type known map[string]map[string]string

func (k known) Labels(_ context.Context, namespace string) (map[string]string, error) {
	labels, ok := k[namespace]
	if !ok {
		return nil, errors.New("it cannot be read")
	}
	return labels, nil
}

func (k known) Metadata(ctx context.Context, namespace string) (*metav1.PartialObjectMetadata, error) {
	labels, err := k.Labels(ctx, namespace)
	return &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Labels: labels}}, err
}

func (known) Room(context.Context, string) inject.Room { return inject.Room{} }

func handler() *injector {
	guest := map[string]string{apis.LabelRemoteCluster: "pharma"}
	return &injector{
		namespaces: known{
			"pharma": guest, "hospital": nil, metav1.NamespaceSystem: guest, apis.SystemNamespace: guest,
			"tenant": {apis.LabelRemoteCluster: "pharma", apis.LabelTenantNamespace: "true"},
			"out":    {apis.LabelRemoteCluster: "pharma", apis.LabelApplyWebhook: "false"},
		},
		guests:   guestPolicies{flags: admit.Settings{}.WithStandards()},
		proxy:    inject.Settings{Image: "envoy"},
		seals:    &keyring{},
		priority: func() *int32 { return nil },
		log:      slog.New(slog.DiscardHandler),
	}
}

func creation(namespace, object string) admission.Request {
	return admission.Request{AdmissionRequest: admissionv1.AdmissionRequest{
		Operation: admissionv1.Create, Kind: metav1.GroupVersionKind{Version: "v1", Kind: "Pod"},
		Resource:  metav1.GroupVersionResource{Version: "v1", Resource: "pods"},
		Namespace: namespace, Object: runtime.RawExtension{Raw: []byte(object)},
	}}
}

const (
	plainPod = `{"metadata":{"generateName":"app-"},"spec":{"containers":[{"name":"app","image":"app:1"}]}}`
	hostPod  = `{"metadata":{"generateName":"app-"},"spec":{"hostNetwork":true,"containers":[{"name":"app","image":"app:1"}]}}`
)

func TestOnlyCreationsInGuardedNamespacesAreJudged(t *testing.T) {
	for _, namespace := range []string{"hospital", "tenant", "out", metav1.NamespaceSystem, apis.SystemNamespace} {
		response := handler().Handle(t.Context(), creation(namespace, hostPod))
		require.True(t, response.Allowed, namespace)
		require.Empty(t, response.Patch, namespace)
	}
	for what, change := range map[string]func(*admission.Request){
		"update":      func(r *admission.Request) { r.Operation = admissionv1.Update },
		"delete":      func(r *admission.Request) { r.Operation = admissionv1.Delete },
		"connect":     func(r *admission.Request) { r.Operation = admissionv1.Connect },
		"subresource": func(r *admission.Request) { r.SubResource = "status" },
		"other kind":  func(r *admission.Request) { r.Resource.Resource = "services" },
		"other group": func(r *admission.Request) { r.Resource.Group = "example.com" },
	} {
		request := creation("pharma", hostPod)
		change(&request)
		response := handler().Handle(t.Context(), request)
		require.True(t, response.Allowed, what)
		require.Empty(t, response.Patch, what)
	}
}

func TestAPodIsPatchedOrRefusedByName(t *testing.T) {
	response := handler().Handle(t.Context(), creation("pharma", plainPod))
	require.True(t, response.Allowed)
	var operations []inject.Operation
	require.NoError(t, json.Unmarshal(response.Patch, &operations))
	require.Equal(t, "/spec/initContainers", operations[len(operations)-1].Path)
	require.Equal(t, admissionv1.PatchTypeJSONPatch, *response.PatchType)

	response = handler().Handle(t.Context(), creation("pharma", hostPod))
	require.False(t, response.Allowed)
	require.Equal(t, metav1.StatusReasonInvalid, response.Result.Reason)
	require.Contains(t, response.Result.Message, `Pod "app-" is invalid: spec.hostNetwork`)
	require.Equal(t, "spec.hostNetwork", response.Result.Details.Causes[0].Field)
}

func TestWhatCannotBeToldIsRefused(t *testing.T) {
	response := handler().Handle(t.Context(), creation("unreadable", plainPod))
	require.False(t, response.Allowed)
	require.Equal(t, int32(http.StatusInternalServerError), response.Result.Code)
	require.Contains(t, response.Result.Message, "cannot tell whether namespace unreadable is foreign: it cannot be read; try again")

	response = handler().Handle(t.Context(), creation("pharma", `{"spec":7}`))
	require.False(t, response.Allowed)
	require.Equal(t, int32(http.StatusBadRequest), response.Result.Code)
}
