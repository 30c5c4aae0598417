package apiproxy

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"data-space.liqo.io/pkg/decisions/window"
)

// Direct is where the API server asks whether a request may reach it without the proxy (docs/proxy.md, direct mode). Address is "0": nowhere. Callers are
// the common names of the certificates that may ask, which have no organization.
type Direct struct {
	Address string
	Callers []string
}

// direct answers the SubjectAccessReviews of an API server whose AuthorizationConfiguration names it as a webhook: "allowed", or no opinion. It never
// denies.
type direct struct {
	proxy   *proxy
	callers []string
	asked   *prometheus.CounterVec
}

func newDirect(p *proxy, o Direct, registry *prometheus.Registry) *direct {
	d := &direct{proxy: p, callers: o.Callers, asked: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "data_space_proxy_reviews_total", Help: "SubjectAccessReviews of the API server in direct mode, by whether they were allowed.",
	}, []string{"allowed"})}
	registry.MustRegister(d.asked)
	return d
}

// newDirectServer returns the server of the API server's questions.
func (p *proxy) newDirectServer(o Direct, registry *prometheus.Registry) *http.Server {
	s := p.smallServer(o.Address, newDirect(p, o, registry))
	s.TLSConfig, s.MaxHeaderBytes = p.serving.TLS(), maxHeaderBytes
	return s
}

// ServeHTTP implements http.Handler.
func (d *direct) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	review, err := d.review(r)
	if err != nil {
		answer(w, err)
		return
	}
	d.asked.WithLabelValues(strconv.FormatBool(review.Status.Allowed)).Inc()
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(review) // an error: the API server is gone
}

func (d *direct) review(r *http.Request) (*authorizationv1.SubjectAccessReview, error) {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return nil, apierrors.NewUnauthorized("Unauthorized")
	}
	asker, err := d.proxy.serving.Caller(r)
	if err != nil || asker == nil {
		return nil, apierrors.NewUnauthorized("Unauthorized")
	}
	if why := window.UnfitToAsk(window.Caller{User: asker.GetName(), Groups: asker.GetGroups()}, d.callers); why != "" {
		return nil, forbidden(why)
	}
	review := &authorizationv1.SubjectAccessReview{}
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxObject))
	if err != nil || r.Method != http.MethodPost || json.Unmarshal(raw, review) != nil || review.APIVersion != authorizationv1.SchemeGroupVersion.String() {
		return nil, apierrors.NewBadRequest("the request is not a SubjectAccessReview of authorization.k8s.io/v1")
	}
	review.Status = authorizationv1.SubjectAccessReviewStatus{}
	guests, synced := d.proxy.guests.Guests()
	caller := window.Caller{User: review.Spec.User, Groups: review.Spec.Groups}
	if !synced || review.Spec.ResourceAttributes == nil || window.Unfit(caller) != "" {
		return review, nil
	}
	if guests.Permits(guests.Of(caller), *review.Spec.ResourceAttributes) {
		review.Status.Allowed, review.Status.Reason = true, "the request's selector lets through only what the GuestPolicies show the caller"
	}
	return review, nil
}
