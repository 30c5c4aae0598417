package apiproxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"data-space.liqo.io/pkg/decisions/window"
	"data-space.liqo.io/pkg/effects/upstream"
)

// newForward returns what sends planned requests to the API server. Nothing is buffered.
func (p *proxy) newForward() *httputil.ReverseProxy {
	return &httputil.ReverseProxy{
		Transport: p.server, FlushInterval: -1, Rewrite: p.rewrite, ModifyResponse: p.read,
		ErrorHandler: p.failed, ErrorLog: slog.NewLogLogger(p.log.Handler(), slog.LevelDebug),
	}
}

// planOf returns the plan of a request; nil: there is none, and the request must not be sent.
func planOf(ctx context.Context) *plan {
	planned, _ := ctx.Value(planKey{}).(*plan)
	return planned
}

// rewrite makes the request that is sent: the caller's own, impersonated; or one of the proxy's, of which nothing but what is chosen here
// is the caller's.
func (p *proxy) rewrite(r *httputil.ProxyRequest) {
	planned := planOf(r.In.Context())
	if planned == nil || planned.caller.Name == "" {
		r.Out.URL = &url.URL{} // leads nowhere
		return
	}
	r.Out.Trailer = nil
	if planned.verdict.Action == window.Pass {
		p.server.Aim(r.Out, r.In.URL.Path, r.In.URL.RawPath, planned.request.Query.Encode())
		upstream.As(r.Out.Header, planned.caller)
		if json := window.AcceptJSON(strings.Join(r.In.Header.Values("Accept"), ","), false); json != "" && asksRules(planned) {
			r.Out.Header.Set("Accept", json)
		}
		r.SetXForwarded()
		r.Out.Header.Del("X-Forwarded-Host")
		r.Out.Header.Del("X-Forwarded-Proto")
		r.Out.Header.Set(auditID, planned.id)
		sendBody(r)
		return
	}
	p.server.Aim(r.Out, planned.verdict.Path, "", planned.verdict.Query.Encode())
	r.Out.Body, r.Out.ContentLength, r.Out.TransferEncoding = http.NoBody, 0, nil
	r.Out.Header = ownHeaders(r.Out.Header, planned)
	r.Out.Header.Set(auditID, planned.id)
}

// sendBody has the API server's answer end the sending of the caller's body. A client of HTTP/2 that is refused sends no more of its body, not even the end, and
// waits for the end of the answer. ReverseProxy sends it after the API server's connection has let go of the body, whose Close, as ReverseProxy wraps it, does
// not end a Read. In HTTP/1.1 a server answers when it has read the body, and Close would wait for it.
func sendBody(r *httputil.ProxyRequest) {
	if r.Out.Body != nil && r.In.ProtoMajor == 2 {
		r.Out.Body = r.In.Body
	}
}

// auditID is the header of the id that the API server's audit events have: those of one request have one id in both logs.
const auditID = "Audit-Id"

// ownHeaders returns the headers of a request of the proxy's own.
func ownHeaders(from http.Header, planned *plan) http.Header {
	h := http.Header{}
	names := []string{"Accept", "User-Agent"}
	v := planned.verdict
	switch {
	case v.Action == window.Narrow && v.Watch && strings.EqualFold(from.Get("Upgrade"), "websocket"):
		names = append(names, "Connection", "Upgrade", "Sec-Websocket-Key", "Sec-Websocket-Version", "Sec-Websocket-Protocol", "Origin")
	case v.Action == window.Narrow && !v.One:
		names = append(names, "Accept-Encoding")
	}
	for _, name := range names {
		if values := from.Values(name); len(values) > 0 {
			h[name] = values
		}
	}
	if v.Action == window.Filter || v.One {
		h.Set("Accept", acceptable(v, from))
	}
	return h
}

// acceptable returns what to accept from the API server where the answer is read here; "": the caller accepts nothing of it.
func acceptable(v window.Verdict, from http.Header) string {
	accept := strings.Join(from.Values("Accept"), ",")
	switch {
	case v.OwnVolumes:
		return window.AcceptWhole(window.AcceptJSON(accept, v.One))
	case v.One:
		return window.AcceptObject(accept)
	}
	return window.AcceptJSON(accept, false)
}

// read changes the answer of a request of the proxy's own to what the caller gets.
func (p *proxy) read(r *http.Response) error {
	planned := planOf(r.Request.Context())
	v := planned.verdict
	if planned.request.Verb == "watch" {
		endable(r)
	}
	switch {
	case r.StatusCode == http.StatusUnauthorized && planned.request.Subresource != "proxy":
		return errors.New("the API server refuses the API proxy's own credentials")
	case v.Action == window.Pass && r.StatusCode == http.StatusForbidden && planned.request.Subresource != "proxy":
		if merged, err := p.merge(planned, r); merged || err != nil {
			if planned.request.Verb == "watch" {
				endable(r)
			}
			return err
		}
		return inCallersName(planned, r)
	case v.Action == window.Pass && r.StatusCode == http.StatusCreated && asksRules(planned) && r.Header.Get("Content-Type") == "application/json":
		return p.addRules(planned, r)
	case v.Action == window.Pass:
		return nil
	case r.StatusCode == http.StatusForbidden:
		return fmt.Errorf("the API proxy lacks the right to list and watch %s; grant it as docs/proxy.md describes", planned.request.Kind.Resource)
	case v.Action == window.Narrow && !v.One, r.StatusCode != http.StatusOK:
		return nil
	}
	return p.filter(planned, r)
}

// failed answers a request that the API server has not answered.
func (p *proxy) failed(w http.ResponseWriter, r *http.Request, err error) {
	var status apierrors.APIStatus
	switch {
	case errors.As(err, &status), errors.As(err, &window.ExpiredError{}), errors.As(err, &window.BadRequestError{}):
		answer(w, err)
	case errors.Is(err, context.Canceled), errors.Is(err, io.ErrUnexpectedEOF):
		answer(w, apierrors.NewServiceUnavailable("the request has ended"))
	default:
		if planned := planOf(r.Context()); planned == nil || p.logsFailure(planned) {
			p.log.Warn("request failed", "path", short(r.URL.Path), "error", short(err.Error()))
		}
		answer(w, apierrors.NewServiceUnavailable("the API proxy cannot have the answer of the API server; see its log"))
	}
}

// inCallersName replaces the refusal of an impersonation, which is about the proxy's rights, by that of the request itself: the caller may
// not send it by this way.
func inCallersName(planned *plan, r *http.Response) error {
	const most = 64 << 10
	head, err := io.ReadAll(io.LimitReader(r.Body, most))
	if err != nil {
		return err
	}
	if bytes.Contains(head, []byte("impersonate")) {
		return planned.forbidden
	}
	r.Body = unread{io.MultiReader(bytes.NewReader(head), r.Body), r.Body}
	return nil
}

// unread is a body of which the beginning has been read.
type unread struct {
	io.Reader
	io.Closer
}
