// Package apiserving reads requests as the API server does, by its own library: who sends a request, what it asks for; and keeps the
// certificates for that up to date.
package apiserving

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/group"
	"k8s.io/apiserver/pkg/authentication/request/bearertoken"
	"k8s.io/apiserver/pkg/authentication/request/union"
	"k8s.io/apiserver/pkg/authentication/request/websocket"
	"k8s.io/apiserver/pkg/authentication/request/x509"
	"k8s.io/apiserver/pkg/authentication/token/cache"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/endpoints/handlers/responsewriters"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
	"k8s.io/apiserver/plugin/pkg/authenticator/token/webhook"
	"k8s.io/client-go/kubernetes"
)

// How long the API server's answer about a token holds here, and how long it may take.
const (
	acceptedFor   = 10 * time.Second
	refusedFor    = 2 * time.Second
	reviewTimeout = 10 * time.Second
)

// Config names the files of the certificates.
type Config struct {
	CertFile, KeyFile string
	// ClientCAFile verifies client certificates; empty: the cluster's own, from the ConfigMap extension-apiserver-authentication.
	ClientCAFile string
	// ForwardingCAFile and ForwardingNames say which proxies before this one may forward client certificates, in ForwardedHeader; no file:
	// none.
	ForwardingCAFile, ForwardedHeader string
	ForwardingNames                   []string
}

// Serving authenticates requests, and shows the server's certificate. It is safe for concurrent use.
type Serving struct {
	authenticator authenticator.Request
	info          *request.RequestInfoFactory
	cert          *dynamiccertificates.DynamicCertKeyPairContent
	clientCA      clientCA
	forwarding    *dynamiccertificates.DynamicFileCAContent // nil: no proxy forwards certificates
	tls           *dynamiccertificates.DynamicServingCertificateController
}

// clientCA is a bundle that follows its source.
type clientCA interface {
	dynamiccertificates.CAContentProvider
	dynamiccertificates.ControllerRunner
}

// New reads the certificates once. Tokens are reviewed by the API server that clients names. guestOf returns the guest of a user, "" if the user has none: the
// reviews of its tokens count on it.
func New(ctx context.Context, config Config, clients kubernetes.Interface, guestOf func(name string, groups []string) string) (*Serving, error) {
	cert, err := dynamiccertificates.NewDynamicServingContentFromFiles("serving", config.CertFile, config.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("--tls-cert-file and --tls-private-key-file: %w; name a certificate and its key", err)
	}
	ca, err := newClientCA(ctx, config.ClientCAFile, clients)
	if err != nil {
		return nil, err
	}
	tokens, err := webhook.NewFromInterface(clients.AuthenticationV1(), nil, *webhook.DefaultRetryBackoff(), reviewTimeout, unmeasured())
	if err != nil {
		return nil, fmt.Errorf("setting up the review of tokens: %w", err)
	}
	reviews := newReviews(tokens, mostReviews, reviewsOfAddress, reviewsOfKnown, guestOf)
	cached := attributed{cache.New(reviews, false, acceptedFor, refusedFor), reviews}
	s := &Serving{cert: cert, clientCA: ca, info: &request.RequestInfoFactory{APIPrefixes: sets.NewString("api", "apis"), GrouplessAPIPrefixes: sets.NewString("api")}}
	certificates := x509.NewDynamic(ca.VerifyOptions, x509.CommonNameUserConversion)
	s.authenticator = union.New(certificates, bearertoken.New(cached), websocket.NewProtocolAuthenticator(cached))
	if config.ForwardingCAFile != "" {
		if s.forwarding, err = dynamiccertificates.NewDynamicCAContentFromFile("forwarding-ca", config.ForwardingCAFile); err != nil {
			return nil, fmt.Errorf("--forwarding-ca-file: %w; name a bundle of CA certificates", err)
		}
		s.authenticator = union.NewFailOnError(
			forwarded{s.forwarding.VerifyOptions, config.ForwardingNames, config.ForwardedHeader, certificates}, s.authenticator)
	}
	s.authenticator = group.NewAuthenticatedGroupAdder(s.authenticator)
	base := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}, ClientAuth: tls.RequestClientCert}
	s.tls = dynamiccertificates.NewDynamicServingCertificateController(base, ca, cert, nil, nil)
	ca.AddListener(s.tls)
	cert.AddListener(s.tls)
	if err := s.tls.RunOnce(); err != nil {
		return nil, fmt.Errorf("--tls-cert-file: %w; name a certificate for TLS servers", err)
	}
	return s, nil
}

func unmeasured() webhook.AuthenticatorMetrics {
	return webhook.AuthenticatorMetrics{
		RecordRequestTotal: func(context.Context, string) {}, RecordRequestLatency: func(context.Context, string, float64) {},
	}
}

func newClientCA(ctx context.Context, file string, clients kubernetes.Interface) (clientCA, error) {
	if file != "" {
		ca, err := dynamiccertificates.NewDynamicCAContentFromFile("client-ca", file)
		if err != nil {
			return nil, fmt.Errorf("--client-ca-file: %w; name a bundle of CA certificates", err)
		}
		return ca, nil
	}
	const namespace, name, key = "kube-system", "extension-apiserver-authentication", "client-ca-file"
	ca, err := dynamiccertificates.NewDynamicCAFromConfigMapController("client-ca", namespace, name, key, clients)
	if err != nil {
		return nil, fmt.Errorf("reading the cluster's CA of clients: %w", err)
	}
	if err := ca.RunOnce(ctx); err != nil {
		return nil, fmt.Errorf("reading ConfigMap %s/%s: %w; grant the right, or name a bundle in --client-ca-file", namespace, name, err)
	}
	return ca, nil
}

// Run follows changes of the certificates until ctx ends.
func (s *Serving) Run(ctx context.Context) {
	var group wait.Group
	group.StartWithContext(ctx, func(ctx context.Context) { s.cert.Run(ctx, 1) })
	group.StartWithContext(ctx, func(ctx context.Context) { s.clientCA.Run(ctx, 1) })
	if s.forwarding != nil {
		group.StartWithContext(ctx, func(ctx context.Context) { s.forwarding.Run(ctx, 1) })
	}
	group.StartWithChannel(ctx.Done(), func(stop <-chan struct{}) { s.tls.Run(1, stop) })
	group.Wait()
}

// TLS returns the configuration of the listener.
func (s *Serving) TLS() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}, GetConfigForClient: s.tls.GetConfigForClient}
}

// Ready returns an error while no client certificate could be verified.
func (s *Serving) Ready() error {
	if _, ok := s.clientCA.VerifyOptions(); !ok {
		return fmt.Errorf("%s has no certificate", s.clientCA.Name())
	}
	return nil
}

// Caller returns who sends a request, or nil if its credentials are missing or refused. It takes the credentials out of the request. ErrBusy: they
// were not reviewed.
func (s *Serving) Caller(r *http.Request) (user.Info, error) {
	response, ok, err := s.authenticator.AuthenticateRequest(r.WithContext(context.WithValue(r.Context(), addressKey{}, addressOf(r.RemoteAddr))))
	r.Header.Del("Authorization")
	if err != nil || !ok {
		return nil, err
	}
	return response.User, nil
}

// Info returns what a request asks for. The library logs queries that it cannot read, and queries may hold secrets: it gets none, and the two
// parameters that matter are read here as it reads them.
func (s *Serving) Info(r *http.Request) (*request.RequestInfo, error) {
	info, err := s.info.NewRequestInfo(&http.Request{Method: r.Method, URL: &url.URL{Path: r.URL.Path}})
	if err != nil || info.Verb != "list" {
		return info, err
	}
	query := r.URL.Query()
	if values := query["watch"]; len(values) > 0 && !slices.Contains([]string{"false", "0"}, strings.ToLower(values[0])) {
		info.Verb = "watch"
	}
	if selector, err := fields.ParseSelector(query.Get("fieldSelector")); err == nil {
		info.Name, _ = selector.RequiresExactMatch("metadata.name")
	}
	return info, nil
}

// Forbidden returns the error by which the API server refuses a request in the caller's name.
func Forbidden(info *request.RequestInfo, caller string) error {
	return responsewriters.ForbiddenStatusError(authorizer.AttributesRecord{
		User: &user.DefaultInfo{Name: caller}, Verb: info.Verb, Namespace: info.Namespace, APIGroup: info.APIGroup, APIVersion: info.APIVersion, Resource: info.Resource,
		Subresource: info.Subresource, Name: info.Name, ResourceRequest: info.IsResourceRequest, Path: info.Path,
	}, "")
}
