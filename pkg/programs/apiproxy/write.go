package apiproxy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"data-space.liqo.io/pkg/decisions/window"
	"data-space.liqo.io/pkg/values/v1alpha1"
)

// Bounds of a write that is the proxy's own. Its body is held until it is answered.
const (
	mostWritten   = 1 << 20
	mostWrites    = 32 // of all guests at a time, and one of each guest
	bodyTime      = 10 * time.Second
	writeAttempts = 5 // while others change the object
)

// written is what a guest's caller sends to change an object.
type written struct {
	form string // its Content-Type
	body []byte
	from *http.Request
	to   *plan
}

// refusal is the API server's answer to a write that it has not accepted.
type refusal struct {
	code   int
	header http.Header
	body   []byte
}

// write sends a change of an object as the proxy itself, or in the caller's name if the proxy may not make it.
func (p *proxy) write(w http.ResponseWriter, r *http.Request, planned *plan) error {
	end, err := p.writes.begin(r.Context(), strings.Join(planned.ids, ","))
	if err != nil {
		return err
	}
	defer end()
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(bodyTime)) // an error: a connection that has none
	body, err := io.ReadAll(io.LimitReader(r.Body, mostWritten+1))
	if err != nil {
		return apierrors.NewBadRequest("the body did not come within 10 s, or is broken")
	}
	_ = control.SetReadDeadline(time.Time{})
	if len(body) > mostWritten {
		return apierrors.NewRequestEntityTooLargeError(fmt.Sprintf("a change of an object through the API proxy has at most %d MiB", mostWritten>>20))
	}
	done, err := p.change(r.Context(), w, &written{r.Header.Get("Content-Type"), body, r, planned})
	if done || err != nil {
		return err
	}
	planned.verdict = window.Verdict{Action: window.Pass}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	p.forward.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), planKey{}, planned)))
	return nil
}

// change tries to make a change while others change the object too. It reports whether it has answered.
func (p *proxy) change(ctx context.Context, w http.ResponseWriter, c *written) (bool, error) {
	var last *refusal
	version := ""
	for range writeAttempts {
		before, err := p.state(ctx, c.to)
		switch {
		case err != nil:
			return false, err
		case before == nil || !c.to.verdict.Visible.MayChange(c.to.verdict.Operation, *before):
			return false, nil
		case before.ResourceVersion == version: // it was not another one's change that the API server refused
			return true, last.send(w)
		}
		version = before.ResourceVersion
		var done bool
		if done, last, err = p.once(ctx, w, c, *before); last == nil || err != nil {
			return done, err
		}
		if last.code != http.StatusConflict && last.code != http.StatusUnprocessableEntity {
			return true, last.send(w)
		}
	}
	return true, last.send(w)
}

// once makes a change of an object in this state. It returns the API server's refusal, if there is one.
func (p *proxy) once(ctx context.Context, w http.ResponseWriter, c *written, before metav1.ObjectMeta) (done bool, refused *refusal, err error) {
	v := c.to.verdict
	query := url.Values{}
	for name, values := range v.Query {
		query[name] = values
	}
	var body []byte
	form := "application/json"
	if v.Operation == v1alpha1.OperationDelete {
		body, err = window.ConditionalDelete(c.body, v.Query, before)
		query = url.Values{"pretty": v.Query["pretty"]}
	} else {
		body, form, err = window.Conditional(c.form, c.body, before)
	}
	if err != nil {
		return false, nil, refusedBody(c.to.request, err)
	}
	if v.Operation == v1alpha1.OperationUpdate {
		query.Set("dryRun", metav1.DryRunAll)
		after, refused, err := p.tried(ctx, c, query, form, body)
		if refused != nil || err != nil {
			return false, refused, err
		}
		if !v.Visible.MayBecome(before, after) {
			return false, nil, nil
		}
		query = v.Query
	}
	if !c.to.holds() { // it has waited for its turn, for its body and for the API server: a grant may have been withdrawn meanwhile
		return false, nil, apierrors.NewConflict(c.to.request.Kind, c.to.request.Name, errors.New("what the caller may change has changed; try again"))
	}
	response, refused, err := p.sendWrite(ctx, c, query, form, body, strings.Join(c.from.Header.Values("Accept"), ","))
	if refused != nil || err != nil {
		return false, refused, err
	}
	defer response.Body.Close()
	return true, nil, relay(w, response.StatusCode, response.Header, response.Body)
}

func refusedBody(r window.Request, err error) error {
	var form window.FormError
	if errors.As(err, &form) {
		return &apierrors.StatusError{ErrStatus: metav1.Status{
			Status: metav1.StatusFailure, Code: http.StatusUnsupportedMediaType, Reason: metav1.StatusReasonUnsupportedMediaType, Message: err.Error(),
		}}
	}
	if errors.As(err, &window.StaleError{}) {
		return apierrors.NewConflict(r.Kind, r.Name, err)
	}
	return err
}

// tried returns what an update would make of the object.
func (p *proxy) tried(ctx context.Context, c *written, query url.Values, form string, body []byte) (metav1.ObjectMeta, *refusal, error) {
	response, refused, err := p.sendWrite(ctx, c, query, form, body, "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1")
	if refused != nil || err != nil {
		return metav1.ObjectMeta{}, refused, err
	}
	defer response.Body.Close()
	var after metav1.PartialObjectMetadata
	if err := decode(response, &after); err != nil {
		return metav1.ObjectMeta{}, nil, err
	}
	return after.ObjectMeta, nil, nil
}

// sendWrite sends a write as the proxy itself.
func (p *proxy) sendWrite(ctx context.Context, c *written, query url.Values, form string, body []byte, accept string) (*http.Response, *refusal, error) {
	request, err := http.NewRequestWithContext(ctx, c.to.request.Method, "http://upstream/", bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	p.server.Aim(request, c.to.verdict.Path, "", query.Encode())
	request.Header.Set("Content-Type", form)
	request.Header.Set(auditID, c.to.id)
	for name, value := range map[string]string{"Accept": accept, "User-Agent": c.from.UserAgent()} {
		if value != "" {
			request.Header.Set(name, value)
		}
	}
	response, err := p.server.RoundTrip(request)
	if err != nil || response.StatusCode < 300 {
		return response, nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, mostWritten))
	switch {
	case err != nil:
		return nil, nil, err
	case response.StatusCode == http.StatusUnauthorized:
		return nil, nil, errors.New("the API server refuses the API proxy's own credentials")
	case response.StatusCode == http.StatusForbidden && bytes.Contains(text, []byte(" cannot "+c.to.request.Verb+" resource ")):
		return nil, nil, fmt.Errorf("the API proxy lacks the right to %s %s; grant it as docs/proxy.md describes", c.to.request.Verb, c.to.request.Kind)
	}
	return nil, &refusal{response.StatusCode, response.Header, text}, nil
}

func (r *refusal) send(w http.ResponseWriter) error {
	return relay(w, r.code, r.header, bytes.NewReader(r.body))
}

// relay answers with what the API server has answered.
func relay(w http.ResponseWriter, code int, header http.Header, body io.Reader) error {
	for _, name := range []string{"Content-Type", "Content-Encoding", "Cache-Control", "Warning", "Audit-Id", "Retry-After"} {
		for _, value := range header.Values(name) {
			w.Header().Add(name, value)
		}
	}
	w.WriteHeader(code)
	_, _ = io.Copy(w, body) // an error: the client is gone, or the API server, and the answer's end shows it
	return nil
}

// state returns the object's metadata as it is now; nil: there is no such object.
func (p *proxy) state(ctx context.Context, planned *plan) (*metav1.ObjectMeta, error) {
	path, query := window.OnlyItem(planned.request)
	response, err := p.list(ctx, path, query, metadataOnly)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var list metav1.PartialObjectMetadataList
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the API proxy lacks the right to list %s, or the API server fails; grant it as docs/proxy.md describes", planned.request.Kind)
	}
	if err := decode(response, &list); err != nil {
		return nil, err
	}
	if len(list.Items) != 1 || list.Items[0].Name != planned.request.Name {
		return nil, nil //nolint:nilnil // There is no such object.
	}
	return &list.Items[0].ObjectMeta, nil
}

func decode(response *http.Response, into any) error {
	raw, err := io.ReadAll(io.LimitReader(response.Body, maxObject))
	if err == nil {
		err = json.Unmarshal(raw, into)
	}
	if err != nil {
		return fmt.Errorf("the API server's answer: %w", err)
	}
	return nil
}
