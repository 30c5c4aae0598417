package apiproxy

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"data-space.liqo.io/pkg/decisions/apiaudit"
	"data-space.liqo.io/pkg/decisions/window"
	"data-space.liqo.io/pkg/effects/apiserving"
	"data-space.liqo.io/pkg/effects/upstream"
)

// maxImpersonated bounds what one request asks to be: each group and extra value costs a review.
const maxImpersonated = 32

// authenticate returns who sends a request.
func (p *proxy) authenticate(r *http.Request, f *fact) (upstream.Identity, error) {
	user, err := p.serving.Caller(r)
	if errors.Is(err, apiserving.ErrBusy) {
		return upstream.Identity{}, apierrors.NewTooManyRequests(apiserving.ErrBusy.Error(), 1)
	}
	if err != nil || user == nil {
		p.log.Debug("authentication failed", "remote", r.RemoteAddr, "error", err)
		return upstream.Identity{}, apierrors.NewUnauthorized("Unauthorized")
	}
	f.caller = user.GetName()
	f.kept.Sender = apiaudit.User{Name: user.GetName(), Groups: user.GetGroups()}
	if why := window.Unfit(window.Caller{User: user.GetName(), Groups: user.GetGroups()}); why != "" {
		return upstream.Identity{}, forbidden(why)
	}
	return upstream.Identity{Name: user.GetName(), UID: user.GetUID(), Groups: user.GetGroups(), Extra: user.GetExtra()}, nil
}

// assume returns whom a caller acts as: itself, or whom its Impersonate-* headers name, if the API server allows the caller each of them.
func (p *proxy) assume(ctx context.Context, caller upstream.Identity, h http.Header) (upstream.Identity, error) {
	wanted, err := window.Impersonated(h)
	if err != nil || wanted == nil {
		return caller, err
	}
	if len(wanted.Reviews) > maxImpersonated {
		return caller, apierrors.NewBadRequest(fmt.Sprintf("the Impersonate-* headers have more than %d values", maxImpersonated))
	}
	extra := map[string]authorizationv1.ExtraValue{}
	for key, values := range caller.Extra {
		extra[key] = values
	}
	for _, attributes := range wanted.Reviews {
		review, err := p.clients.AuthorizationV1().SubjectAccessReviews().Create(ctx, &authorizationv1.SubjectAccessReview{
			Spec: authorizationv1.SubjectAccessReviewSpec{
				User: caller.Name, Groups: caller.Groups, UID: caller.UID, Extra: extra, ResourceAttributes: &attributes,
			},
		}, metav1.CreateOptions{})
		if err != nil {
			return caller, fmt.Errorf("asking whether the caller may impersonate: %w", apierrors.NewServiceUnavailable("the API server does not answer"))
		}
		if !review.Status.Allowed {
			return caller, forbidden(fmt.Sprintf("User %q cannot impersonate resource %q in API group %q: %q", caller.Name, attributes.Resource, attributes.Group, attributes.Name))
		}
	}
	return upstream.Identity{Name: wanted.User, UID: wanted.UID, Groups: wanted.Groups, Extra: wanted.Extra}, nil
}
