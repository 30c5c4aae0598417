package webhook

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"data-space.liqo.io/pkg/decisions/admit"
	"data-space.liqo.io/pkg/decisions/limits"
)

// bounded asks a rule about a request, and bounds what that costs, whatever the rule does:
//
//  1. An object that exceeds a limit is refused before it is decoded.
//  2. What was stored before there were limits is not held up: its updates pass as long as what is judged stays the same.
//  3. At most limits.MaxFindings findings are returned.
//  4. Nothing begins for a request that the API server has given up.
func bounded(ctx context.Context, r rule, req admission.Request) (field.ErrorList, error) {
	if ctx.Err() != nil {
		return nil, errGivenUp
	}
	if over := limits.Exceeded(req.Object.Raw); over != nil {
		if updatesOldGiant(req) {
			return nil, nil
		}
		return limits.Report(field.ErrorList{over}), nil
	}
	if limits.Exceeded(req.OldObject.Raw) != nil {
		// Nothing of it is decoded: what it becomes is judged like a new object.
		req.OldObject = runtime.RawExtension{Raw: []byte("{}")}
	}
	if ctx.Err() != nil {
		return nil, errGivenUp
	}
	problems, err := r(req)
	return limits.Report(problems), err
}

var errGivenUp = errors.New("the API server has given up the request; try again")

// undecided answers a request that no rule could decide. An error may quote the object: it is cut.
func undecided(err error) admission.Response {
	if errors.Is(err, errGivenUp) {
		return admission.Errored(http.StatusGatewayTimeout, err)
	}
	return admission.Errored(http.StatusBadRequest, fmt.Errorf("%s", limits.Cut(err.Error(), maxError)))
}

// maxError is how many bytes of an error are reported.
const maxError = 1024

// updatesOldGiant reports whether an update leaves alone what is judged of an object that exceeded a limit before.
func updatesOldGiant(req admission.Request) bool {
	if req.Operation != admissionv1.Update || limits.Exceeded(req.OldObject.Raw) == nil || !limits.Unchanged(req.Object.Raw, req.OldObject.Raw) {
		return false
	}
	now, before := metadataOf(req.Object.Raw), metadataOf(req.OldObject.Raw)
	return now != nil && before != nil && maps.Equal(now.Annotations, before.Annotations) &&
		maps.Equal(admit.JudgedMetadata(now), admit.JudgedMetadata(before))
}

// metadataOf returns an object's labels and annotations, nil where they cannot be read.
func metadataOf(raw []byte) *metav1.ObjectMeta {
	object := struct {
		Metadata struct {
			Labels      map[string]string `json:"labels"`
			Annotations map[string]string `json:"annotations"`
		} `json:"metadata"`
	}{}
	if json.Unmarshal(raw, &object) != nil {
		return nil
	}
	return &metav1.ObjectMeta{Labels: object.Metadata.Labels, Annotations: object.Metadata.Annotations}
}
