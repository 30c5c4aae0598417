package webhook

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"data-space.liqo.io/pkg/decisions/inject"
	"data-space.liqo.io/pkg/values/apis"
)

// namespaceLabels tells a namespace's labels as they are now.
type namespaceLabels interface {
	Labels(ctx context.Context, namespace string) (map[string]string, error)
}

// injector answers admission requests for pods. It is safe for concurrent use.
//
//  1. Only the CREATE of a pod in a guarded namespace is judged; everything else is allowed as it is, whatever a webhook
//     configuration may send here.
//  2. A namespace that cannot be read is no reason to let a pod through.
type injector struct {
	namespaces namespaceLabels
	proxy      inject.Settings
	log        *slog.Logger
}

// Handle implements admission.Handler.
func (i *injector) Handle(ctx context.Context, req admission.Request) admission.Response {
	if !isPodCreation(req) {
		return admission.Allowed("")
	}
	labels, err := i.namespaces.Labels(ctx, req.Namespace)
	if err != nil {
		i.log.ErrorContext(ctx, "cannot tell whether a pod's namespace is foreign: refused", "namespace", req.Namespace, "error", err)
		return admission.Errored(http.StatusInternalServerError, fmt.Errorf(
			"cannot tell whether namespace %s is foreign: %w; try again, and see the log of %s if it stays", req.Namespace, err, Name))
	}
	if !guarded(req.Namespace, labels) {
		i.log.DebugContext(ctx, "not a foreign namespace: left as it is", "namespace", req.Namespace, "pod", req.Name)
		return admission.Allowed("")
	}
	pod := &corev1.Pod{}
	if err := json.Unmarshal(req.Object.Raw, pod); err != nil {
		return admission.Errored(http.StatusBadRequest, fmt.Errorf("reading the pod: %w", err))
	}
	settings := i.proxy
	settings.HTTPProxy = apis.HTTPProxyWanted(labels)
	result, problems := inject.Inject(pod, settings)
	response := i.answer(ctx, pod, req.Namespace, result, problems)
	response.Warnings = append(inject.LabelWarnings(labels), result.Warnings...)
	return response
}

// answer turns the decision into what the API server expects.
func (i *injector) answer(ctx context.Context, pod *corev1.Pod, namespace string, result inject.Result, problems field.ErrorList) admission.Response {
	name := pod.Name
	if name == "" {
		name = pod.GenerateName
	}
	logger := i.log.With("namespace", namespace, "pod", name)
	if len(problems) > 0 {
		logger.WarnContext(ctx, "pod refused", "problems", problems.ToAggregate().Error())
		status := apierrors.NewInvalid(corev1.SchemeGroupVersion.WithKind("Pod").GroupKind(), name, problems).Status()
		return admission.Response{AdmissionResponse: admissionv1.AdmissionResponse{Result: &status}}
	}
	response := admission.Allowed("")
	if len(result.Patch) == 0 {
		return response
	}
	data, err := json.Marshal(result.Patch)
	if err != nil {
		return admission.Errored(http.StatusInternalServerError, fmt.Errorf("writing the patch of pod %s: %w", name, err))
	}
	kind := admissionv1.PatchTypeJSONPatch
	response.Patch, response.PatchType = data, &kind
	logger.InfoContext(ctx, "proxy injected")
	return response
}

func isPodCreation(req admission.Request) bool {
	return req.Operation == admissionv1.Create && req.SubResource == "" && req.Kind.Group == "" && req.Kind.Kind == "Pod"
}

// guarded reports whether pods of a namespace get a proxy. The cluster's and our own namespace never do, whatever labels
// they bear: they must start while this program is away.
func guarded(namespace string, labels map[string]string) bool {
	return namespace != metav1.NamespaceSystem && namespace != apis.SystemNamespace &&
		apis.IsForeign(labels) && apis.WebhookEnabled(labels)
}
