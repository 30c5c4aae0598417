package webhook

import (
	"context"
	"log/slog"

	admissionv1 "k8s.io/api/admission/v1"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"data-space.liqo.io/pkg/decisions/admit"
	"data-space.liqo.io/pkg/values/apis"
)

// spaceJudge answers admission requests for namespaces. Only one that becomes a guest's is judged, by its name: all others,
// and those that are a guest's already, are let in, whatever a webhook configuration may send here.
type spaceJudge struct {
	names admit.SpaceNames
	log   *slog.Logger
}

// namespaceOfRequest is what is decoded of a namespace. It is not scanned first, as guests' objects are: nothing else of it is kept.
type namespaceOfRequest struct {
	Metadata metadataOfNamespace `json:"metadata"`
}

type metadataOfNamespace struct {
	Name        string            `json:"name"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

func (m metadataOfNamespace) settled() map[string]string {
	return apis.Settled(m.Labels, m.Annotations)
}

// Handle implements admission.Handler.
func (j *spaceJudge) Handle(ctx context.Context, req admission.Request) admission.Response {
	if about(req) != "/namespaces" || req.Operation != admissionv1.Create && req.Operation != admissionv1.Update {
		return admission.Allowed("")
	}
	now, err := decode[namespaceOfRequest](req.Object)
	before := &namespaceOfRequest{}
	if err == nil && req.Operation == admissionv1.Update {
		before, err = decode[namespaceOfRequest](req.OldObject)
	}
	if err != nil {
		return undecided(err)
	}
	name, labels := now.Metadata.Name, now.Metadata.settled()
	if !apis.IsForeign(labels) || apis.IsForeign(before.Metadata.settled()) {
		return admission.Allowed("")
	}
	problems := admit.Space(name, apis.Guest(labels), j.names)
	if len(problems) == 0 {
		return admission.Allowed("")
	}
	j.log.WarnContext(ctx, "namespace refused", "namespace", name, "user", req.UserInfo.Username, "problems", problems.ToAggregate().Error())
	return refuse(req, problems)
}

// spaceWarnings tells the author of a pod that the namespace has a name which a guest's could not be given today.
func spaceWarnings(namespace string, labels map[string]string, names admit.SpaceNames) []string {
	var warnings []string
	for _, problem := range admit.Space(namespace, apis.Guest(labels), names) {
		warnings = append(warnings, "namespace "+namespace+": "+problem.Error())
	}
	return warnings
}
