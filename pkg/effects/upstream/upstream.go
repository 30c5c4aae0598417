// Package upstream reaches the API server for the API proxy: as the proxy itself, or as one of its callers.
package upstream

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/transport"
)

// Window bounds the bytes of one HTTP/2 stream that are held until they are read, in both directions: a caller opens many requests, and may
// read none of the answers. The library's default for answers is 4 MiB.
const Window = 64 << 10

// Upstream sends requests to the API server with the proxy's own credentials. It is safe for concurrent use.
type Upstream struct {
	base *url.URL
	// multiplexed shares HTTP/2 connections; upgradable has a connection of HTTP/1.1 for each request, which may become a stream.
	multiplexed, upgradable http.RoundTripper
}

// New returns the API server of a connection.
func New(config *rest.Config) (*Upstream, error) {
	base, _, err := rest.DefaultServerUrlFor(config)
	if err != nil {
		return nil, fmt.Errorf("the API server's address %q: %w; check --kubeconfig", config.Host, err)
	}
	plain := rest.CopyConfig(config)
	plain.Timeout, plain.DisableCompression, plain.Impersonate = 0, true, rest.ImpersonationConfig{}
	upgradable := rest.CopyConfig(plain)
	upgradable.NextProtos = []string{"http/1.1"}
	u := &Upstream{base: base}
	if u.multiplexed, err = rest.TransportFor(plain); err != nil {
		return nil, fmt.Errorf("setting up against the API server %s: %w; check --kubeconfig", config.Host, err)
	}
	if u.upgradable, err = rest.TransportFor(upgradable); err != nil {
		return nil, fmt.Errorf("setting up against the API server %s: %w; check --kubeconfig", config.Host, err)
	}
	return u, boundStreams(u.multiplexed)
}

// boundStreams sets the window of a transport that has not sent a request yet. A connection without TLS has no streams.
func boundStreams(rt http.RoundTripper) error {
	for rt != http.DefaultTransport {
		switch t := rt.(type) {
		case *http.Transport:
			t.HTTP2 = &http.HTTP2Config{MaxReceiveBufferPerStream: Window}
			return nil
		case interface{ WrappedRoundTripper() http.RoundTripper }:
			rt = t.WrappedRoundTripper()
		default:
			return fmt.Errorf("the connection to the API server is a %T, whose streams cannot be bounded; name a kubeconfig with a certificate or a token", rt)
		}
	}
	return nil
}

// RoundTrip implements http.RoundTripper.
func (u *Upstream) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Header.Get("Upgrade") != "" {
		return u.upgradable.RoundTrip(r)
	}
	return u.multiplexed.RoundTrip(r)
}

// Aim directs a request to a path of the API server.
func (u *Upstream) Aim(r *http.Request, path, rawPath, query string) {
	r.URL = &url.URL{Scheme: u.base.Scheme, Host: u.base.Host, Path: strings.TrimSuffix(u.base.Path, "/") + path, RawQuery: query}
	if rawPath != "" {
		r.URL.RawPath = strings.TrimSuffix(u.base.EscapedPath(), "/") + rawPath
	}
	r.Host = u.base.Host
}

// Identity is a caller, as the API server is to see it.
//
// It is sent as the headers Impersonate-User, -Uid, -Group and -Extra-KEY, beside the credentials of this program, which may impersonate.
type Identity struct {
	Name, UID string
	// Groups are all groups of the caller. To groups that are given, the API server adds system:authenticated only.
	Groups []string
	// Extra has the values by their keys, before the escaping of a header's name.
	Extra map[string][]string
}

// cleanHeaders removes from a request's headers what would give it another identity, and what describes its way here.
func cleanHeaders(h http.Header) {
	for name := range h {
		lower := strings.ToLower(name)
		if strings.HasPrefix(lower, "impersonate-") || strings.HasPrefix(lower, "x-remote-") || strings.HasPrefix(lower, "x-forwarded-") {
			delete(h, name)
		}
	}
	for _, name := range []string{"Authorization", "Forwarded", "X-Real-Ip", "Proxy-Authorization"} {
		h.Del(name)
	}
}

// As has the API server treat a request as a caller's, whose groups system:authenticated and those of ServiceAccounts it adds itself. A
// ServiceAccount is named alone: so the right to act as one is a right of its own (KEP-5284).
func As(h http.Header, id Identity) {
	cleanHeaders(h)
	h.Set(transport.ImpersonateUserHeader, id.Name)
	if strings.HasPrefix(id.Name, "system:serviceaccount:") {
		return
	}
	if id.UID != "" {
		h.Set(transport.ImpersonateUIDHeader, id.UID)
	}
	for _, group := range id.Groups {
		if group != "system:authenticated" {
			h.Add(transport.ImpersonateGroupHeader, group)
		}
	}
	for key, values := range id.Extra {
		if strings.HasPrefix(key, "authentication.kubernetes.io/") {
			continue // how the caller proved who it is, to this proxy
		}
		for _, value := range values {
			h.Add(transport.ImpersonateUserExtraHeaderPrefix+escapeKey(key), value)
		}
	}
}

// escapeKey encodes what a header's name cannot have, as the API server decodes it.
func escapeKey(key string) string {
	var b strings.Builder
	for _, c := range []byte(key) {
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
