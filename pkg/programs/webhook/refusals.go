package webhook

import (
	"context"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"data-space.liqo.io/pkg/effects/factlines"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/fact"
)

// refusals hands each request that a handler refuses to a sink, as a fact. The answer does not wait for it.
type refusals struct {
	admission.Handler
	sink factlines.Sink
	// guest returns the cluster ID of a namespace's guest, or "".
	guest func(ctx context.Context, namespace string) string
}

// Handle implements admission.Handler.
func (r refusals) Handle(ctx context.Context, req admission.Request) admission.Response {
	response := r.Handler.Handle(ctx, req)
	if response.Allowed {
		return response
	}
	f := fact.Fact{
		Kind: fact.AdmissionRefused, Warning: true, Reason: about(req),
		Subject: fact.Subject{Guest: r.guest(ctx, req.Namespace), Namespace: req.Namespace},
		Details: map[string]string{"operation": string(req.Operation), "user": req.UserInfo.Username, "name": shownName(req)},
	}
	if req.Kind.Kind == "Pod" {
		f.Subject.Pod = shownName(req)
	}
	if response.Result != nil {
		f.Message, f.Details["code"] = response.Result.Message, fmt.Sprint(response.Result.Code)
	}
	r.sink.Emit(f)
	return response
}

// reporting returns what makes facts of the refusals of a handler.
func (r namespaceReader) reporting(sink factlines.Sink) func(admission.Handler) admission.Handler {
	return func(h admission.Handler) admission.Handler {
		return refusals{Handler: h, sink: sink, guest: r.clusterID}
	}
}

// clusterID returns the cluster ID of a namespace's guest as the cache has it, or "".
func (r namespaceReader) clusterID(ctx context.Context, namespace string) string {
	ctx, cancel := context.WithTimeout(ctx, guestLookup)
	defer cancel()
	found := namespaceMetadata()
	if err := r.cached.Get(ctx, client.ObjectKey{Name: namespace}, found, client.UnsafeDisableDeepCopy); err != nil {
		return ""
	}
	return apis.Guest(settle(found).Labels)
}
