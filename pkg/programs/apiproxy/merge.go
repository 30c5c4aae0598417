package apiproxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"data-space.liqo.io/pkg/decisions/window"
	"data-space.liqo.io/pkg/effects/upstream"
)

// mostSpaces bounds the namespaces of a list or a watch of all namespaces that is put together here.
const mostSpaces = 1000

// merging is a request for all namespaces, which is answered by those of the caller's guests, in the caller's name.
type merging struct {
	*proxy
	planned *plan
	accept  string
	spaces  []string
	query   url.Values
	with    func(namespaces []string) bool // whether a watch may begin with these
}

// merge replaces the API server's refusal of a list or a watch of all namespaces by the answers for the guest's own. It reports whether it has:
// the refusal stands if the caller may not list in any of them.
func (p *proxy) merge(planned *plan, r *http.Response) (bool, error) {
	accept := window.AcceptJSON(strings.Join(r.Request.Header.Values("Accept"), ","), false)
	spaces := p.guests.namespacesOf(planned.ids)
	unread := accept == "" // the caller takes no answer that is read here
	if unread {
		accept = "application/json"
	}
	if len(spaces) == 0 || len(spaces) > mostSpaces || r.Request.Header.Get("Upgrade") != "" && !planned.socket || !window.MayMerge(planned.ids, planned.request) {
		return false, nil
	}
	m := &merging{proxy: p, planned: planned, accept: accept, spaces: spaces}
	answered, err := m.list, error(nil)
	if planned.request.Verb == "watch" {
		answered = m.watch
		m.query, m.with, err = window.WatchWithin(planned.request)
	} else {
		m.query, err = window.ListWithin(planned.request)
	}
	if err != nil {
		return false, err
	}
	body, err := answered(r.Request.Context())
	if body == nil || err != nil {
		return false, err
	}
	if unread {
		return false, errors.Join(notAcceptable(), body.Close())
	}
	planned.verdict.Action = joined
	r.Body = both{body, r.Body}
	r.StatusCode, r.Status, r.ContentLength = http.StatusOK, "200 OK", -1
	r.Header.Del("Content-Length")
	r.Header.Set("Content-Type", "application/json")
	return true, nil
}

// list returns the list of all; nil: the caller may not list in any of the namespaces. It is sent as it comes: nothing is held.
func (m *merging) list(ctx context.Context) (*io.PipeReader, error) {
	for i, space := range m.spaces {
		first, err := m.ask(ctx, space, m.query)
		if err != nil {
			return nil, err
		}
		if first == nil {
			continue
		}
		reader, writer := io.Pipe()
		go func() { writer.CloseWithError(m.copyLists(ctx, first, m.spaces[i:], writer)) }()
		return reader, nil
	}
	return nil, nil
}

// copyLists copies the list of the first namespace, and those of the others at its resource version.
func (m *merging) copyLists(ctx context.Context, first io.ReadCloser, spaces []string, to io.Writer) error {
	items := &itemsWriter{to: to}
	head, err := newJSONStream(first).list(items)
	if err := errors.Join(err, first.Close()); err != nil {
		return err
	}
	query, listed := window.AtVersion(m.query, head.resourceVersion()), spaces[:1:1]
	for _, space := range spaces[1:] {
		one, err := m.ask(ctx, space, query)
		if err != nil {
			return err
		}
		if one == nil {
			continue
		}
		_, err = newJSONStream(one).list(items)
		if err := errors.Join(err, one.Close()); err != nil {
			return err
		}
		listed = append(listed, space)
	}
	return items.end(head, window.VersionOfAll(head.resourceVersion(), listed))
}

// ask returns the API server's answer about one namespace, to the caller; nil: the caller may not ask, or the kind's objects are in no
// namespace.
func (m *merging) ask(ctx context.Context, namespace string, query url.Values) (io.ReadCloser, error) {
	response, err := m.asCaller(ctx, m.planned, http.MethodGet, window.Within(m.planned.request, namespace), query, m.accept, nil)
	if err != nil {
		return nil, err
	}
	media, _, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
	switch {
	case response.StatusCode == http.StatusOK && err == nil && media == "application/json":
		return response.Body, nil
	case response.StatusCode == http.StatusForbidden || response.StatusCode == http.StatusNotFound:
		return nil, response.Body.Close()
	case response.StatusCode == http.StatusGone:
		return nil, errors.Join(window.ExpiredError{}, response.Body.Close())
	}
	return nil, errors.Join(upstream.Refusal(response), fmt.Errorf("namespace %s: the API server answers %s", namespace, response.Status), response.Body.Close())
}

// asCaller sends a request in the caller's name.
func (p *proxy) asCaller(ctx context.Context, planned *plan, method, path string, query url.Values, accept string, body io.Reader) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://upstream/", body)
	if err != nil {
		return nil, err
	}
	p.server.Aim(request, path, "", query.Encode())
	upstream.As(request.Header, planned.caller)
	request.Header.Set("Accept", accept)
	request.Header.Set(auditID, planned.id)
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	return p.server.RoundTrip(request)
}
