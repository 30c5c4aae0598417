package metricsauth

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

const (
	// How long the API server's answer about a token and a path holds, how long it may take, and how many are waited for at a time.
	allowedFor    = 10 * time.Second
	refusedFor    = 2 * time.Second
	reviewTimeout = 5 * time.Second
	reviewsAtOnce = 4
	// remembered is how many answers are kept.
	remembered = 64
	// longestToken is more than a ServiceAccount's token has.
	longestToken = 16 << 10
)

// Guarded passes a request to its handler if the API server allows the owner of its token the verb get on its path. Serve it with TLS.
type Guarded struct {
	handler http.Handler
	clients kubernetes.Interface
	unable  error // nil, or the reason why it allows no request

	certificate *Certificate
	reviews     chan struct{} // has room for those under way

	mu      sync.Mutex
	answers map[[sha256.Size]byte]answer
}

// answer is the API server's decision about a token and a path.
type answer struct {
	status int // of HTTP
	until  time.Time
}

// New returns the handler behind a guard, which asks the API server that the configuration names. It is served with a certificate.
func New(api *rest.Config, served *Certificate, h http.Handler) *Guarded {
	clients, err := kubernetes.NewForConfig(api)
	g := With(clients, served, h)
	g.unable = err
	return g
}

// With is New for a program that has clients.
func With(clients kubernetes.Interface, served *Certificate, h http.Handler) *Guarded {
	return &Guarded{
		handler: h, clients: clients, certificate: served, reviews: make(chan struct{}, reviewsAtOnce), answers: map[[sha256.Size]byte]answer{},
	}
}

// TLS returns the configuration of the listener.
func (g *Guarded) TLS() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}, GetCertificate: g.certificate.get}
}

// ServeHTTP implements http.Handler.
func (g *Guarded) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	token, given := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !given || token == "" || len(token) > longestToken {
		refuse(w, http.StatusUnauthorized, nil)
		return
	}
	status, err := g.allowed(r.Context(), token, r.URL.Path)
	if status != http.StatusOK {
		refuse(w, status, err)
		return
	}
	r.Header.Del("Authorization")
	g.handler.ServeHTTP(w, r)
}

// refuse answers without the text of the error: the caller is not known, and the text names the program's user and the API server's address.
func refuse(w http.ResponseWriter, status int, err error) {
	text := http.StatusText(status)
	switch {
	case apierrors.IsForbidden(err):
		text = "the API server refuses this program's reviews of tokens and of access; grant this program the ClusterRole of deploy/monitoring"
	case err != nil:
		text = "the API server cannot be asked now; try again"
	}
	http.Error(w, text, status)
}

// allowed returns http.StatusOK, or the status by which the request is refused.
func (g *Guarded) allowed(ctx context.Context, token, path string) (status int, err error) {
	key, now := sha256.Sum256([]byte(path+"\x00"+token)), time.Now()
	g.mu.Lock()
	known, ok := g.answers[key]
	g.mu.Unlock()
	if ok && now.Before(known.until) {
		return known.status, nil
	}
	select {
	case g.reviews <- struct{}{}:
		defer func() { <-g.reviews }()
	default:
		return http.StatusTooManyRequests, nil
	}
	ctx, cancel := context.WithTimeout(ctx, reviewTimeout)
	defer cancel()
	if status, err = g.review(ctx, token, path); err != nil {
		return http.StatusInternalServerError, err
	}
	a := answer{status: status, until: now.Add(refusedFor)}
	if status == http.StatusOK {
		a.until = now.Add(allowedFor)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.answers) >= remembered {
		clear(g.answers)
	}
	g.answers[key] = a
	return status, nil
}

// review asks the API server.
func (g *Guarded) review(ctx context.Context, token, path string) (status int, err error) {
	if g.unable != nil {
		return 0, g.unable
	}
	who, err := g.clients.AuthenticationV1().TokenReviews().Create(ctx, &authenticationv1.TokenReview{
		Spec: authenticationv1.TokenReviewSpec{Token: token},
	}, metav1.CreateOptions{})
	if err != nil {
		return 0, fmt.Errorf("review of the token: %w", err)
	}
	if !who.Status.Authenticated {
		return http.StatusUnauthorized, nil
	}
	user := who.Status.User
	extra := map[string]authorizationv1.ExtraValue{}
	for name, values := range user.Extra {
		extra[name] = authorizationv1.ExtraValue(values)
	}
	may, err := g.clients.AuthorizationV1().SubjectAccessReviews().Create(ctx, &authorizationv1.SubjectAccessReview{
		Spec: authorizationv1.SubjectAccessReviewSpec{
			User: user.Username, UID: user.UID, Groups: user.Groups, Extra: extra,
			NonResourceAttributes: &authorizationv1.NonResourceAttributes{Path: path, Verb: "get"},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		return 0, fmt.Errorf("review of the access: %w", err)
	}
	if !may.Status.Allowed {
		return http.StatusForbidden, nil
	}
	return http.StatusOK, nil
}
