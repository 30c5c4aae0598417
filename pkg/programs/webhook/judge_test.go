package webhook

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"data-space.liqo.io/pkg/decisions/admit"
	"data-space.liqo.io/pkg/decisions/inject"
	"data-space.liqo.io/pkg/decisions/withhold"
	"data-space.liqo.io/pkg/values/apis"
)

func judging() *judge {
	return &judge{namespaces: handler().namespaces, guests: handler().guests, rules: rulebook(inject.Settings{Image: "envoy"}, &keyring{}), log: slog.New(slog.DiscardHandler)}
}

// asked is a request about a thing, written group/resource[/subresource], in the guest's namespace.
func asked(operation admissionv1.Operation, thing, object, before string) admission.Request {
	parts := strings.Split(thing, "/")
	request := admission.Request{AdmissionRequest: admissionv1.AdmissionRequest{
		Operation: operation, Namespace: "pharma", Resource: metav1.GroupVersionResource{Group: parts[0], Resource: parts[1]},
		Object: runtime.RawExtension{Raw: []byte(object)}, OldObject: runtime.RawExtension{Raw: []byte(before)},
		UserInfo: authenticationv1.UserInfo{Username: "slice-1", Groups: []string{"pharma"}},
	}}
	if len(parts) > 2 {
		request.SubResource = parts[2]
	}
	return request
}

// forbiddenThings has something that is refused of each kind.
func forbiddenThings() map[string]string {
	const endpoint = `"addressType":"IPv4","endpoints":[{"addresses":["198.51.100.1"]}]`
	return map[string]string{
		"/pods":                                   `{"metadata":{"name":"app"},"spec":{"containers":[{"name":"app"}]}}`,
		"offloading.liqo.io/shadowpods":           `{"metadata":{"name":"app"},"spec":{"pod":{"hostNetwork":true}}}`,
		"/services":                               `{"metadata":{"name":"app"},"spec":{"type":"NodePort"}}`,
		"networking.k8s.io/ingresses":             `{"metadata":{"name":"app"}}`,
		"/persistentvolumeclaims":                 `{"metadata":{"name":"app"},"spec":{"volumeName":"v"}}`,
		"/endpoints":                              `{"metadata":{"name":"app"},"subsets":[{"addresses":[{"ip":"198.51.100.1"}]}]}`,
		"discovery.k8s.io/endpointslices":         `{"metadata":{"name":"app"},` + endpoint + `}`,
		"offloading.liqo.io/shadowendpointslices": `{"metadata":{"name":"app"},"spec":{"template":{` + endpoint + `}}}`,
	}
}

func TestWhatIsForbiddenIsRefusedWhenItComesAndNeverWedgedAfterwards(t *testing.T) {
	for thing, object := range forbiddenThings() {
		response := judging().Handle(t.Context(), asked(admissionv1.Create, thing, object, ""))
		require.False(t, response.Allowed, thing)
		require.Equal(t, metav1.StatusReasonInvalid, response.Result.Reason, thing)
		require.NotEmpty(t, response.Result.Details.Causes[0].Field, thing)

		again := strings.Replace(object, `"name":"app"`, `"name":"app","labels":{"app":"pharma"},"finalizers":["x"]`, 1)
		response = judging().Handle(t.Context(), asked(admissionv1.Update, thing, again, object))
		require.True(t, response.Allowed, "%s: %v", thing, response.Result)
		require.True(t, judging().Handle(t.Context(), asked(admissionv1.Delete, thing, "", object)).Allowed, thing)
		if thing != "/pods" {
			response = judging().Handle(t.Context(), asked(admissionv1.Update, thing, object, `{"spec":{"ingressClassName":"x"}}`))
			require.False(t, response.Allowed, "%s, made of another", thing)
		}
	}
}

func TestWhatCannotBeReadIsRefused(t *testing.T) {
	for thing, object := range forbiddenThings() {
		for _, request := range []admission.Request{
			asked(admissionv1.Create, thing, `{"spec":7,"subsets":7,"endpoints":7}`, ""),
			asked(admissionv1.Update, thing, `{"spec":7,"subsets":7,"endpoints":7}`, object),
			asked(admissionv1.Update, thing, object, `{"spec":7,"subsets":7,"endpoints":7}`),
		} {
			if thing == "/pods" && request.Operation == admissionv1.Update {
				continue
			}
			response := judging().Handle(t.Context(), request)
			require.False(t, response.Allowed, thing)
			require.Equal(t, int32(http.StatusBadRequest), response.Result.Code, thing)
		}
	}
	request := asked(admissionv1.Create, "/services", forbiddenThings()["/services"], "")
	request.Namespace = "unreadable"
	response := judging().Handle(t.Context(), request)
	require.Equal(t, int32(http.StatusInternalServerError), response.Result.Code)
	require.Contains(t, response.Result.Message, "cannot tell whether namespace unreadable is foreign")
}

func TestNothingIsRefusedOutsideGuardedNamespaces(t *testing.T) {
	for thing, object := range forbiddenThings() {
		for _, namespace := range []string{"hospital", "tenant", "out", metav1.NamespaceSystem, apis.SystemNamespace} {
			for _, text := range []string{object, `{"spec":7}`} {
				request := asked(admissionv1.Create, thing, text, "")
				request.Namespace = namespace
				require.True(t, judging().Handle(t.Context(), request).Allowed, "%s in %s", thing, namespace)
			}
		}
	}
	require.True(t, judging().Handle(t.Context(), asked(admissionv1.Create, "/secrets", `{"spec":7}`, "")).Allowed, "unknown here")
}

func TestThoseWhoseTaskItIsAreTrustedByName(t *testing.T) {
	for thing, user := range map[string]string{
		"/persistentvolumeclaims":         "system:serviceaccount:kube-system:persistent-volume-binder",
		"/endpoints":                      "system:serviceaccount:kube-system:endpoint-controller",
		"discovery.k8s.io/endpointslices": "system:kube-controller-manager",
	} {
		request := asked(admissionv1.Update, thing, forbiddenThings()[thing], "{}")
		request.UserInfo.Username = user
		require.True(t, judging().Handle(t.Context(), request).Allowed, thing)
		request.UserInfo.Username = strings.Replace(user, "kube-system", "pharma", 1) + "s"
		require.False(t, judging().Handle(t.Context(), request).Allowed, thing)
	}
}

func TestTheGuardsOwnObjectsAreToldByTheirOwnNames(t *testing.T) {
	config := `{"metadata":{"name":"data-space-envoy-config"}}`
	for _, request := range []admission.Request{
		asked(admissionv1.Create, "/configmaps", config, ""),
		asked(admissionv1.Update, "/configmaps", config, config),
		asked(admissionv1.Delete, "/configmaps", "", config),
	} {
		request.Kind.Kind = "ConfigMap"
		response := judging().Handle(t.Context(), request)
		require.False(t, response.Allowed, request.Operation)
		require.Contains(t, response.Result.Message, `"data-space-envoy-config" is invalid: metadata.name: Forbidden`)
		request.UserInfo.Username = admit.Keeper
		require.True(t, judging().Handle(t.Context(), request).Allowed, request.Operation)
	}
	request := asked(admissionv1.Create, "/configmaps", `{"metadata":{"generateName":"data-space-envoy-config"}}`, "")
	request.Kind.Kind = "ConfigMap"
	require.True(t, judging().Handle(t.Context(), request).Allowed)
	require.Equal(t, "data-space-envoy-config", shownName(request))
	require.Empty(t, nameOf(asked(admissionv1.Create, "/configmaps", "nonsense", "")))
}

func TestConnectionsIntoTheProxyAreRefused(t *testing.T) {
	for thing, object := range map[string]string{
		"/pods/exec": `{"container":"data-space-proxy"}`, "/pods/attach": `{"container":"data-space-proxy"}`, "/pods/portforward": `{"ports":[13041]}`,
	} {
		require.False(t, judging().Handle(t.Context(), asked(admissionv1.Connect, thing, object, "")).Allowed, thing)
		require.True(t, judging().Handle(t.Context(), asked(admissionv1.Connect, thing, `{}`, "")).Allowed, thing)
		require.False(t, judging().Handle(t.Context(), asked(admissionv1.Connect, thing, `{"container":7,"ports":7}`, "")).Allowed, thing)
	}
}

func TestAnEphemeralContainerIsJudgedAndChanged(t *testing.T) {
	pod := func(containers string) string {
		return fmt.Sprintf(`{"metadata":{"name":"app"},"spec":{"ephemeralContainers":[%s]}}`, containers)
	}
	ask := func(now, before string) admission.Response {
		return handler().Handle(t.Context(), asked(admissionv1.Update, "/pods/ephemeralcontainers", now, before))
	}
	response := ask(pod(`{"name":"debug"}`), pod(""))
	require.True(t, response.Allowed)
	var operations []inject.Operation
	require.NoError(t, json.Unmarshal(response.Patch, &operations))
	require.Equal(t, "/spec/ephemeralContainers/0/securityContext", operations[0].Path)
	response = ask(pod(`{"name":"debug","targetContainerName":"data-space-proxy"}`), pod(""))
	require.False(t, response.Allowed)
	require.Equal(t, "spec.ephemeralContainers[0].targetContainerName", response.Result.Details.Causes[0].Field)
	require.True(t, ask(pod(`{"name":"debug","targetContainerName":"data-space-proxy"}`), pod(`{"name":"debug"}`)).Allowed, "it was there")
	require.False(t, ask(`{"spec":7}`, pod("")).Allowed)
	require.False(t, ask(pod(""), `{"spec":7}`).Allowed)
}

// TestTheManifestsTrustWhomTheCodeTrusts: both have the names written out.
func TestTheManifestsTrustWhomTheCodeTrusts(t *testing.T) {
	read := func(file string) string {
		text, err := os.ReadFile("../../../deploy/" + file)
		require.NoError(t, err)
		return string(text)
	}
	for _, user := range append(admit.EndpointWriters(), admit.Binders()...) {
		require.Contains(t, read("webhook.yaml"), "'"+user+"'")
	}
	for _, user := range append(admit.Cleaners(), admit.Keepers()...) {
		require.Contains(t, read("admission-policy.yaml"), "'"+user+"'")
	}
	for _, name := range admit.ReservedSpaces() {
		require.Contains(t, read("admission-policy.yaml"), "'"+name+"'")
	}
	for _, text := range append(append(withhold.PlainWaits(), withhold.PlainReasons()...), withhold.Text) {
		require.Contains(t, read("closed-output/kustomization.yaml"), "'"+text+"'")
	}
	for _, port := range apis.ProxyPorts() {
		require.Contains(t, read("admission-policy.yaml"), fmt.Sprint(port))
	}
}
