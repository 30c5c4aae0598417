package apiproxy

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"

	"data-space.liqo.io/pkg/decisions/window"
)

// maxReview bounds a SelfSubjectAccessReview; a real one has some hundred bytes.
const maxReview = 64 << 10

// can answers a SelfSubjectAccessReview about what the proxy shows, which the API server would deny. It reports whether it has: every other
// review passes to the API server, with the body as it was.
func (p *proxy) can(ctx context.Context, w http.ResponseWriter, r *http.Request, planned *plan) bool {
	if planned.request.Verb != "create" || planned.request.Kind != (schema.GroupResource{Group: authorizationv1.GroupName, Resource: "selfsubjectaccessreviews"}) ||
		len(planned.ids) == 0 || planned.request.Version != "v1" || window.AcceptJSON(r.Header.Get("Accept"), false) == "" {
		return false
	}
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxReview))
	r.Body = unread{io.MultiReader(bytes.NewReader(raw), r.Body), r.Body}
	if err != nil || len(raw) == maxReview {
		return false
	}
	review := reviewOf(raw)
	if review == nil || review.Spec.ResourceAttributes == nil {
		return false
	}
	if !p.shown(ctx, planned, *review.Spec.ResourceAttributes) && !p.shownSomewhere(ctx, planned, *review.Spec.ResourceAttributes) {
		return false
	}
	review.Kind, review.APIVersion = "SelfSubjectAccessReview", authorizationv1.SchemeGroupVersion.String()
	review.Status = authorizationv1.SubjectAccessReviewStatus{Allowed: true, Reason: "the API proxy shows the caller's own objects"}
	text, err := json.Marshal(review)
	if err != nil {
		return false
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	_, _ = w.Write(append(text, '\n')) // the client is gone
	return true
}

// reviewOf decodes a review from a body of JSON or protobuf. It returns nil for other bodies. It does not read YAML: aliases expand kilobytes to gigabytes.
func reviewOf(raw []byte) *authorizationv1.SelfSubjectAccessReview {
	if !json.Valid(raw) && !bytes.HasPrefix(raw, []byte("k8s\x00")) {
		return nil
	}
	object, _, err := scheme.Codecs.UniversalDeserializer().Decode(raw, nil, nil)
	review, is := object.(*authorizationv1.SelfSubjectAccessReview)
	if err != nil || !is {
		return nil
	}
	return review
}

// shown reports whether the proxy itself answers such a request with what the caller sees, or makes such a change.
func (p *proxy) shown(ctx context.Context, asks *plan, a authorizationv1.ResourceAttributes) bool {
	guests, _ := p.guests.Guests()
	ids := asks.ids
	kind := schema.GroupResource{Group: a.Group, Resource: a.Resource}
	rules := guests.Rules(ids)
	at := slices.IndexFunc(rules, func(r window.Rule) bool { return r.Kind == kind })
	if at < 0 || a.Subresource != "" || !slices.Contains(rules[at].Verbs, a.Verb) {
		return false
	}
	if a.Name == "" {
		return true
	}
	request := window.Request{
		Method: window.MethodOf(a.Verb), Resource: true, Verb: a.Verb, Kind: kind, Version: p.version(ctx, a.Group), Name: a.Name,
	}
	verdict, err := guests.Decide(ids, request)
	switch {
	case err != nil || verdict.Action == window.Pass || verdict.Action == window.Hide:
		return false
	case verdict.Action == window.Write:
		state, err := p.state(ctx, &plan{request: request})
		return err == nil && state != nil && verdict.Visible.MayChange(verdict.Operation, *state)
	case a.Verb != "get":
		return true
	}
	about := &plan{caller: asks.caller, ids: ids, request: request, verdict: verdict}
	p.planVolumes(about)
	return p.exists(ctx, about)
}

// version returns the version by which to ask for objects of a group, of which reviews name none: the preferred one.
func (p *proxy) version(ctx context.Context, group string) string {
	var known metav1.APIGroup
	if group == "" || p.clients.Discovery().RESTClient().Get().AbsPath("/apis/"+url.PathEscape(group)).Do(ctx).Into(&known) != nil || known.PreferredVersion.Version == "" {
		return "v1"
	}
	return known.PreferredVersion.Version
}

// exists reports whether the one object that a verdict is about is there and visible.
func (p *proxy) exists(ctx context.Context, about *plan) bool {
	shown, accept, v := false, metadataOnly, p.sight(ctx, about, now)
	if about.verdict.OwnVolumes {
		accept = "application/json"
	}
	err := p.objects(ctx, about.verdict.Path, about.verdict.Query, accept, func(o objectDocument) (err error) {
		if shown = o.Metadata.Name == about.request.Name; shown && about.verdict.Action != window.Narrow {
			shown, err = v(o)
		}
		return err
	})
	return err == nil && shown
}

// shownSomewhere reports whether the proxy answers a list or a watch of all namespaces with that of the caller's own: the caller may ask for it in
// one of them, and the kind's objects are in namespaces.
func (p *proxy) shownSomewhere(ctx context.Context, planned *plan, a authorizationv1.ResourceAttributes) bool {
	if (a.Verb != "list" && a.Verb != "watch") || a.Namespace != "" || a.Name != "" || a.Subresource != "" || a.Resource == "*" || a.Group == "*" {
		return false
	}
	request := window.Request{Kind: schema.GroupResource{Group: a.Group, Resource: a.Resource}, Version: p.version(ctx, a.Group)}
	spaces := p.guests.namespacesOf(planned.ids)
	for _, space := range spaces[:min(len(spaces), mostSpaces)] {
		a.Namespace = space
		if !p.mayAsCaller(ctx, planned, a) {
			continue
		}
		response, err := p.asCaller(ctx, planned, http.MethodGet, window.Within(request, space), url.Values{"limit": {"1"}}, metadataOnly, nil)
		if err != nil {
			return false
		}
		_ = response.Body.Close() // its code is known
		return response.StatusCode == http.StatusOK || response.StatusCode == http.StatusForbidden
	}
	return false
}

// mayAsCaller reports whether the API server allows a caller this.
func (p *proxy) mayAsCaller(ctx context.Context, planned *plan, a authorizationv1.ResourceAttributes) bool {
	text, err := json.Marshal(&authorizationv1.SelfSubjectAccessReview{
		TypeMeta: metav1.TypeMeta{APIVersion: authorizationv1.SchemeGroupVersion.String(), Kind: "SelfSubjectAccessReview"},
		Spec:     authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &a},
	})
	if err != nil {
		return false
	}
	response, err := p.asCaller(ctx, planned, http.MethodPost, "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", nil, "application/json", bytes.NewReader(text))
	if err != nil {
		return false
	}
	defer response.Body.Close()
	var review authorizationv1.SelfSubjectAccessReview
	return response.StatusCode == http.StatusCreated && decode(response, &review) == nil && review.Status.Allowed
}
