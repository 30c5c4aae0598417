package apiserving

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"k8s.io/apiserver/pkg/authentication/authenticator"
	authx509 "k8s.io/apiserver/pkg/authentication/request/x509"
)

// forwarded authenticates by the client certificate that a proxy before this one has seen, and writes into a header as PEM, escaped as a URL
// is. The header counts only on a connection on which such a proxy shows its own certificate.
type forwarded struct {
	// proxies verifies certificates of proxies, whose common name is one of names.
	proxies authx509.VerifyOptionFunc
	names   []string
	header  string
	// clients authenticates by a certificate of a connection.
	clients authenticator.Request
}

// AuthenticateRequest implements authenticator.Request.
func (f forwarded) AuthenticateRequest(r *http.Request) (*authenticator.Response, bool, error) {
	values := r.Header.Values(f.header)
	r.Header.Del(f.header)
	if len(values) == 0 || !f.fromProxy(r.TLS) {
		return nil, false, nil
	}
	if len(values) > 1 {
		return nil, false, fmt.Errorf("the header %s is there %d times", f.header, len(values))
	}
	certificate, err := parse(values[0])
	if err != nil {
		return nil, false, fmt.Errorf("the header %s: %w", f.header, err)
	}
	seen := r.Clone(r.Context())
	seen.TLS = &tls.ConnectionState{HandshakeComplete: true, PeerCertificates: []*x509.Certificate{certificate}}
	response, ok, err := f.clients.AuthenticateRequest(seen)
	if err == nil && !ok {
		err = errors.New("the forwarded certificate is not a client's")
	}
	return response, ok, err
}

// fromProxy reports whether the other end of a connection is a proxy that may forward certificates.
func (f forwarded) fromProxy(state *tls.ConnectionState) bool {
	options, known := f.proxies()
	if state == nil || len(state.PeerCertificates) == 0 || !known {
		return false
	}
	peer := state.PeerCertificates[0]
	if options.Intermediates == nil {
		options.Intermediates = x509.NewCertPool()
		for _, one := range state.PeerCertificates[1:] {
			options.Intermediates.AddCert(one)
		}
	}
	_, err := peer.Verify(options)
	return err == nil && slices.Contains(f.names, peer.Subject.CommonName)
}

func parse(text string) (*x509.Certificate, error) {
	raw, err := url.QueryUnescape(text)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode([]byte(raw))
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, errors.New("not a certificate as PEM")
	}
	return x509.ParseCertificate(block.Bytes)
}
