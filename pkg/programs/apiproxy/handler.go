package apiproxy

import (
	"bufio"
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/client-go/kubernetes"

	"data-space.liqo.io/pkg/decisions/apiaudit"
	"data-space.liqo.io/pkg/decisions/window"
	"data-space.liqo.io/pkg/effects/apiserving"
	"data-space.liqo.io/pkg/effects/upstream"
)

// Verdicts beside the actions of package window.
const (
	refused window.Action = "refuse" // the proxy refuses the request
	replied window.Action = "answer" // the proxy itself answers what it shows the caller
	joined  window.Action = "merge"  // a list of all namespaces is answered by those of the caller's own
)

// proxy answers requests. It is safe for concurrent use.
type proxy struct {
	serving  *apiserving.Serving
	clients  kubernetes.Interface
	server   *upstream.Upstream
	guests   *sources
	open     *quota // of requests
	heavy    *lines // of lists by which a watch knows what its caller has seen
	asking   *lines // of watches of volumes that ask about each claim before they begin
	writes   *lines // of changes that are the proxy's own
	streams  *quota // of watches that are put together
	meters   *meters
	watches  watches
	forward  *httputil.ReverseProxy
	audit    audit
	logged   *factBudget // of lines of the log; nil: each request has one
	failures *factBudget // of lines about requests that failed; nil: each has one
	log      *slog.Logger
}

// plan is what happens to one request.
type plan struct {
	id      string // of its audit events, and of the API server's
	caller  upstream.Identity
	ids     []string // of the caller's guests
	request window.Request
	verdict window.Verdict
	spaces  []string                       // of OwnVolumes: the namespaces of the caller's guests
	follow  func() (<-chan struct{}, bool) // of a watch of OwnVolumes: whether these are still the same, and what is closed when they may be others
	socket  bool                           // of a watch: its events go by a websocket
	// forbidden is the API server's refusal in the caller's name.
	forbidden error
	// holds reports whether the verdict is that of now.
	holds func() bool
	// stillGuests reports whether the caller belongs to the same guests now.
	stillGuests func() bool
}

// fact is what is logged and counted of a request.
type fact struct {
	caller, impersonator, remote, verb, kind, namespace, name, path string
	code                                                            int
	verdict                                                         window.Action
	began                                                           time.Time
	kept                                                            apiaudit.Request // the same for the audit
}

type planKey struct{}

// ServeHTTP implements http.Handler.
func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f := fact{remote: r.RemoteAddr, verdict: refused, began: time.Now(), path: r.URL.Path, verb: "unknown"}
	f.kept = apiaudit.Request{ID: string(uuid.NewUUID()), Remote: f.remote, Program: r.UserAgent(), Path: f.path, Verb: strings.ToLower(r.Method), Began: f.began}
	answered := &recorder{ResponseWriter: w}
	p.meters.open.Inc()
	defer func() {
		p.meters.open.Dec()
		f.code = answered.code
		p.report(f)
	}()
	if err := p.respond(answered, r, &f); err != nil {
		answer(answered, err)
	}
	// The server reads the rest of the body, which does not count on the caller any more. An error: the connection is a stream that has ended.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(headerTimeout))
}

// respond answers a request, or returns why it is refused.
func (p *proxy) respond(answered *recorder, r *http.Request, f *fact) error {
	query, err := window.CheckURL(r.URL)
	if err != nil {
		return err
	}
	caller, err := p.authenticate(r, f)
	if err != nil {
		return err
	}
	guests, _ := p.guests.Guests()
	f.kept.Guests = guests.Of(window.Caller{User: caller.Name, Groups: caller.Groups})
	on := bearer(f.kept.Guests, caller.Name)
	if !p.open.take(on, 1) { // before anything that waits for the API server
		return apierrors.NewTooManyRequests("the caller, or its guest, has too many open requests; end some of them", 1)
	}
	defer p.open.give(on, 1)
	planned, err := p.plan(r, caller, query, f)
	if err != nil {
		return err
	}
	f.verdict = planned.verdict.Action
	if lasting(r, planned.request) {
		answered.begun = func(code int) { p.audit.keep(f.kept, apiaudit.Started, planned.verdict.Action, code) }
	}
	if planned.verdict.Action == window.Hide {
		return absent(planned.request.Kind, planned.request.Name)
	}
	if p.can(r.Context(), answered, r, planned) {
		f.verdict = replied
		return nil
	}
	// It may be answered in another way. The copying of an answer panics when the client leaves.
	defer func() { f.verdict = planned.verdict.Action }()
	r = r.WithContext(context.WithValue(r.Context(), planKey{}, planned))
	if planned.verdict.Action == window.Write {
		if err := p.write(answered, r, planned); err != nil {
			p.failed(answered, r, err)
		}
		return nil
	}
	if planned.request.Verb == "watch" {
		p.follow(answered, r, planned)
		return nil
	}
	p.forward.ServeHTTP(answered, r)
	return nil
}

// plan decides about a request of a caller, and notes what is known of it.
func (p *proxy) plan(r *http.Request, sender upstream.Identity, query url.Values, f *fact) (*plan, error) {
	identity, err := p.assume(r.Context(), sender, r.Header)
	if window.Impersonates(r.Header) && !apierrors.IsServiceUnavailable(err) { // otherwise it is not known whether it may
		as := r.Header.Get("Impersonate-User")
		p.audit.facts.impersonated(f.kept.Impersonation(as, err == nil), assumption{sender.Name, as})
	}
	if err != nil {
		return nil, err
	}
	if identity.Name != f.caller {
		f.caller, f.impersonator = identity.Name, f.caller
	}
	if window.Impersonates(r.Header) {
		as := auditUser(identity)
		f.kept.As = &as
	}
	caller := window.Caller{User: identity.Name, Groups: identity.Groups}
	if why := window.Unfit(caller); why != "" {
		return nil, forbidden(why)
	}
	info, err := p.serving.Info(r)
	if err != nil {
		return nil, apierrors.NewBadRequest("the path names no resource")
	}
	request := window.Request{
		Method: r.Method, Resource: info.IsResourceRequest, Verb: info.Verb, Kind: schema.GroupResource{Group: info.APIGroup, Resource: info.Resource},
		Version: info.APIVersion, Subresource: info.Subresource, Namespace: info.Namespace, Name: info.Name, Query: query,
		VerbInPath: strings.Contains(r.URL.Path, "/watch/") || strings.Contains(r.URL.Path, "/proxy/"),
	}
	f.note(request)
	guests, synced := p.guests.Guests()
	if !synced {
		return nil, apierrors.NewServiceUnavailable("the API proxy does not know the guests yet; try again")
	}
	ids := guests.Of(caller)
	f.kept.Guests = ids
	verdict, err := guests.Decide(ids, request)
	if err != nil {
		return nil, err
	}
	if verdict.Action != window.Pass && (verdict.One || verdict.Action == window.Filter) && acceptable(verdict, r.Header) == "" {
		return nil, notAcceptable()
	}
	if r.Header.Get("Upgrade") != "" && r.ContentLength != 0 {
		return nil, apierrors.NewBadRequest("the request has a body and becomes a stream; send it without a body")
	}
	planned := &plan{
		id: f.kept.ID, caller: identity, ids: ids, request: request, verdict: verdict, forbidden: apiserving.Forbidden(info, identity.Name), holds: p.holds(caller, ids, request, verdict), stillGuests: p.stillGuests(caller, ids),
	}
	p.planVolumes(planned)
	planned.socket, err = bySocket(r, planned)
	return planned, err
}

func (f *fact) note(r window.Request) {
	f.verb, f.namespace, f.name = r.Verb, r.Namespace, r.Name
	if !r.Resource {
		f.verb = strings.ToLower(r.Method)
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
	default:
		f.verb = "unknown"
	}
	k := &f.kept
	k.Verb, k.Resource, k.Group, k.Version, k.Kind, k.Subresource, k.Namespace, k.Name = f.verb, r.Resource, r.Kind.Group, r.Version, r.Kind.Resource, r.Subresource, r.Namespace, r.Name
	f.kind = r.Kind.Resource
	if r.Kind.Group != "" {
		f.kind += "." + r.Kind.Group
	}
	if r.Subresource != "" {
		f.kind += "/" + r.Subresource
	}
}

// report logs and counts a request. Queries, headers and bodies are not logged: they may hold secrets.
func (p *proxy) report(f fact) {
	p.meters.count(f)
	p.audit.keep(f.kept, apiaudit.Complete, f.verdict, f.code)
	if !p.logs(f) {
		return
	}
	for _, text := range []*string{&f.caller, &f.impersonator, &f.kind, &f.namespace, &f.name, &f.path} {
		*text = short(*text)
	}
	p.log.Info("request", "caller", f.caller, "impersonator", f.impersonator, "remote", f.remote, "verb", f.verb, "kind", f.kind, "namespace", f.namespace, "name", f.name,
		"path", f.path, "verdict", string(f.verdict), "code", f.code, "duration", time.Since(f.began))
}

// recorder remembers the code of an answer. Flushing and upgrades reach the writer behind it.
type recorder struct {
	http.ResponseWriter
	code  int
	begun func(code int) // runs once, when an answer begins that is no refusal; nil: does nothing
}

// begin notes the code of an answer.
func (r *recorder) begin(code int) {
	r.code = code
	if r.begun != nil && code < 400 {
		r.begun(code)
		r.begun = nil
	}
}

// WriteHeader implements http.ResponseWriter.
func (r *recorder) WriteHeader(code int) {
	if code >= 200 || code == http.StatusSwitchingProtocols {
		r.begin(code)
	}
	r.ResponseWriter.WriteHeader(code)
}

// Unwrap lets http.ResponseController find what the writer can.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// Hijack implements http.Hijacker: the connection becomes a stream.
func (r *recorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	r.begin(http.StatusSwitchingProtocols)
	return http.NewResponseController(r.ResponseWriter).Hijack()
}
