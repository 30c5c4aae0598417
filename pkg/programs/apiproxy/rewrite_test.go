package apiproxy

import (
	"context"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"data-space.liqo.io/pkg/decisions/window"
	"data-space.liqo.io/pkg/effects/upstream"
)

// chosen are the headers that a caller may choose of a request of the proxy's own; a watch by websocket takes over those of its handshake too.
var chosen = []string{"Accept", "Accept-Encoding", "User-Agent", "Audit-Id"}

// FuzzRewrite has callers choose paths, queries, headers and bodies: what is sent has the caller's identity or the proxy's own, and no other.
func FuzzRewrite(f *testing.F) {
	for _, path := range []string{"/api/v1/namespaces", "/api/v1/namespaces/rival-a", "/api/v1/nodes?limit=1&labelSelector=a", "/api/v1/pods", "/version", "/apis/metrics.k8s.io/v1beta1/nodes"} {
		for _, header := range []string{"Impersonate-User", "impersonate-group", "X-Remote-User", "Authorization", "Connection", "Forwarded", "X-Forwarded-For", "Audit-Id", "Accept", "Upgrade", "Impersonate-Extra-a"} {
			f.Add("GET", path, header, "admin")
		}
	}
	f.Add("POST", "/api/v1/namespaces/pharma-a/pods/p/exec", "Te", "trailers")
	p := &proxy{guests: &sources{now: window.NewGuests([]string{"g"}, nil), synced: true}}
	var err error
	p.server, err = upstream.New(&rest.Config{Host: "https://192.0.2.1:6443/behind"})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, method, target, header, value string) {
		in, err := http.NewRequestWithContext(t.Context(), method, "http://proxy/", http.NoBody)
		if err != nil {
			return
		}
		if in.URL, err = url.ParseRequestURI(target); err != nil {
			return
		}
		query, err := window.CheckURL(in.URL)
		if err != nil {
			return
		}
		in.Header[header] = []string{value}
		in.Header["Accept"] = append(in.Header["Accept"], "application/json")
		request := window.Request{Method: method, Resource: true, Verb: map[string]string{"GET": "list", "POST": "create"}[method], Version: "v1", Query: query,
			Kind: schema.GroupResource{Resource: strings.TrimPrefix(in.URL.Path, "/api/v1/")}}
		verdict, err := p.guests.now.Decide([]string{"g"}, request)
		if err != nil || verdict.Action != window.Pass && verdict.Action != window.Narrow && verdict.Action != window.Filter {
			return
		}
		planned := &plan{id: "an-id", caller: upstream.Identity{Name: "alice", Groups: []string{"g"}}, ids: []string{"g"}, request: request, verdict: verdict}
		in = in.WithContext(context.WithValue(in.Context(), planKey{}, planned))
		r := &httputil.ProxyRequest{In: in, Out: in.Clone(in.Context())}
		p.rewrite(r)
		requireOwn(t, r.Out, verdict)
	})
}

// requireOwn fails unless a request goes to the API server, and nothing in it is an identity but what the proxy has set.
func requireOwn(t *testing.T, out *http.Request, v window.Verdict) {
	t.Helper()
	require.Equal(t, "https://192.0.2.1:6443", out.URL.Scheme+"://"+out.URL.Host)
	require.Equal(t, "192.0.2.1:6443", out.Host)
	require.True(t, strings.HasPrefix(out.URL.Path, "/behind/"), out.URL.Path)
	require.Equal(t, []string{"an-id"}, out.Header["Audit-Id"])
	want := map[string][]string{}
	if v.Action == window.Pass {
		want = map[string][]string{"Impersonate-User": {"alice"}, "Impersonate-Group": {"g"}}
	}
	got := map[string][]string{}
	for name, values := range out.Header {
		lower := strings.ToLower(name)
		if strings.HasPrefix(lower, "impersonate-") || strings.HasPrefix(lower, "x-remote-") || lower == "authorization" || lower == "forwarded" || lower == "proxy-authorization" {
			got[name] = values
		}
		require.True(t, v.Action == window.Pass || slices.Contains(chosen, name) || out.Header.Get("Upgrade") != "", "the caller chose %s", name)
	}
	require.Equal(t, want, got)
	if v.Action != window.Pass {
		require.Equal(t, v.Path, strings.TrimPrefix(out.URL.Path, "/behind"))
		require.Equal(t, v.Query.Encode(), out.URL.RawQuery)
		require.Equal(t, http.NoBody, out.Body)
	}
}
