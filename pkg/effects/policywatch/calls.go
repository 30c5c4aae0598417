package policywatch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
)

// calls makes the requests of one kind's lists and watches.
type calls struct {
	client *http.Client
	url    *url.URL
	fields string
}

func newCalls(of rest.Interface, resource, fields string) (calls, error) {
	client, ok := of.(*rest.RESTClient)
	if !ok {
		return calls{}, fmt.Errorf("prepare the client of the API server: it is a %T", of)
	}
	return calls{client: client.Client, url: client.Get().Resource(resource).URL(), fields: fields}, nil
}

// answer is the body of an answer, and how it is encoded.
type answer struct {
	io.ReadCloser
	proto bool
}

const (
	protobufType = "application/vnd.kubernetes.protobuf"
	watchType    = protobufType + ";stream=watch"
)

// pageSize is how many objects a page of a list holds.
const pageSize = 500

// page asks for a page of a list; after is the token of the page before.
func (c calls) page(ctx context.Context, after string) (answer, error) {
	q := url.Values{"limit": {strconv.Itoa(pageSize)}}
	if after != "" {
		q.Set("continue", after)
	}
	return c.get(ctx, q, protobufType+",application/json")
}

// watch asks for the events since a version; with "" for one of every object first, and a bookmark at their end.
func (c calls) watch(ctx context.Context, since string, timeout time.Duration) (answer, error) {
	q := url.Values{"watch": {"true"}, "allowWatchBookmarks": {"true"}, "timeoutSeconds": {strconv.Itoa(int(timeout.Seconds()))}}
	if since != "" {
		q.Set("resourceVersion", since)
	} else {
		q.Set("sendInitialEvents", "true")
		q.Set("resourceVersionMatch", string(metav1.ResourceVersionMatchNotOlderThan))
	}
	return c.get(ctx, q, watchType+",application/json")
}

// get returns the body of an answer, or the error that the API server reports.
func (c calls) get(ctx context.Context, q url.Values, accept string) (answer, error) {
	if c.fields != "" {
		q.Set("fieldSelector", c.fields)
	}
	u := *c.url
	u.RawQuery = q.Encode()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return answer{}, err
	}
	r.Header.Set("Accept", accept)
	a, err := c.client.Do(r)
	if err != nil {
		return answer{}, err
	}
	if a.StatusCode != http.StatusOK {
		defer func() { _ = a.Body.Close() }()
		seconds, _ := strconv.Atoi(a.Header.Get("Retry-After"))
		return answer{}, apierrors.NewGenericServerResponse(a.StatusCode, "get", schema.GroupResource{Resource: path.Base(c.url.Path)}, "", a.Status, seconds, false)
	}
	kind, _, err := mime.ParseMediaType(a.Header.Get("Content-Type"))
	if err != nil || kind != protobufType && kind != "application/json" {
		_ = a.Body.Close()
		return answer{}, fmt.Errorf("the API server answers %s in %q", c.url.Path, a.Header.Get("Content-Type"))
	}
	return answer{ReadCloser: a.Body, proto: kind == protobufType}, nil
}

// errExpired means that the API server does not have the version any more from which a watch was to go on.
var errExpired = errors.New("the version is too old")
