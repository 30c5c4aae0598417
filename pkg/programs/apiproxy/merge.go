package apiproxy

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"data-space.liqo.io/pkg/decisions/window"
	"data-space.liqo.io/pkg/effects/upstream"
)

// Bounds of a list of all namespaces that is put together here. What is read is held several times while it is put together, and a list
// until its caller has taken it.
const (
	mostSpaces = 256
	atATime    = 8
	mostOfAll  = 16 << 20
	mostHeld   = 3 // of all guests at a time, and one of each guest
	takingTime = 30 * time.Second
)

// allowance reads until the readers that share it have read too much.
type allowance struct {
	io.Reader
	left *atomic.Int64
}

// Read implements io.Reader.
func (a allowance) Read(into []byte) (int, error) {
	n, err := a.Reader.Read(into)
	if a.left.Add(-int64(n)) < 0 {
		return 0, tooLarge()
	}
	return n, err
}

func tooLarge() error {
	return apierrors.NewRequestEntityTooLargeError(fmt.Sprintf(
		"the objects of all the caller's namespaces have more than %d MiB; list each namespace alone, in pages", mostOfAll>>20))
}

// merge replaces the API server's refusal of a list of all namespaces by the lists of the guest's own, each asked for in the caller's name. It
// reports whether it has: the refusal stands if the caller may not list in any of them.
func (p *proxy) merge(planned *plan, r *http.Response) (bool, error) {
	accept := window.AcceptJSON(strings.Join(r.Request.Header.Values("Accept"), ","), false)
	spaces := p.guests.namespacesOf(planned.ids)
	if accept == "" || len(spaces) == 0 || len(spaces) > mostSpaces || !window.MayMerge(planned.ids, planned.request) {
		return false, nil
	}
	end, err := p.heavy.begin(r.Request.Context(), strings.Join(planned.ids, ","))
	if err != nil {
		return false, err
	}
	merged, err := p.lists(r.Request.Context(), planned, spaces, accept)
	if merged == nil || err != nil {
		end()
		return false, err
	}
	planned.takeWithin(takingTime)
	planned.verdict.Action = joined
	r.Body = held{bytes.NewReader(merged), r.Body, end}
	r.StatusCode, r.Status, r.ContentLength = http.StatusOK, "200 OK", int64(len(merged))
	r.Header.Set("Content-Length", strconv.Itoa(len(merged)))
	r.Header.Set("Content-Type", "application/json")
	return true, nil
}

// held is a body that holds a turn.
type held struct {
	io.Reader
	io.Closer
	end func()
}

// Close implements io.Closer.
func (h held) Close() error {
	defer h.end()
	return h.Closer.Close()
}

// lists returns the list of these namespaces; nil: the caller may not list in any of them.
func (p *proxy) lists(ctx context.Context, planned *plan, spaces []string, accept string) ([]byte, error) {
	lists := make([]*listDocument, len(spaces))
	var left atomic.Int64
	left.Store(mostOfAll)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atATime)
	for i, space := range spaces {
		group.Go(func() (err error) {
			lists[i], err = p.listIn(ctx, planned, space, accept, &left)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return mergeLists(lists)
}

// listIn returns the list of one namespace; nil: the caller may not list there, or the kind's objects are in no namespace.
func (p *proxy) listIn(ctx context.Context, planned *plan, namespace, accept string, left *atomic.Int64) (*listDocument, error) {
	path, query, err := window.Within(planned.request, namespace)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://upstream/", nil)
	if err != nil {
		return nil, err
	}
	p.server.Aim(request, path, "", query.Encode())
	upstream.As(request.Header, planned.caller)
	request.Header.Set("Accept", accept)
	response, err := p.server.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	media, _, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
	switch {
	case response.StatusCode == http.StatusForbidden || response.StatusCode == http.StatusNotFound:
		return nil, nil //nolint:nilnil // There is no list.
	case response.StatusCode != http.StatusOK || err != nil || media != "application/json":
		return nil, fmt.Errorf("the list of namespace %s: the API server answers %s", namespace, response.Status)
	}
	raw, err := io.ReadAll(allowance{response.Body, left})
	if err != nil {
		return nil, err
	}
	list := &listDocument{}
	return list, utiljson.Unmarshal(raw, list)
}

// mergeLists returns one list of several; nil: there is none. Its resource version is that of the first: no watch begins at it, since the API
// server refuses watches of all namespaces.
func mergeLists(lists []*listDocument) ([]byte, error) {
	var all *listDocument
	for _, list := range lists {
		if list == nil {
			continue
		}
		if all == nil {
			all = list
			continue
		}
		all.Items, all.Rows = append(all.Items, list.Items...), append(all.Rows, list.Rows...)
	}
	if all == nil {
		return nil, nil
	}
	var metadata struct {
		ResourceVersion string `json:"resourceVersion"`
	}
	if err := utiljson.Unmarshal(all.Metadata, &metadata); err != nil {
		return nil, fmt.Errorf("the API server's answer: %w", err)
	}
	document, of, items := map[string]any{"kind": all.Kind, "apiVersion": all.APIVersion, "metadata": metadata}, "items", all.Items
	if all.Kind == "Table" {
		document["columnDefinitions"], of, items = all.Columns, "rows", all.Rows
	}
	head, err := json.Marshal(document)
	if err != nil {
		return nil, err
	}
	size := len(head) + len(of) + 16
	for _, item := range items {
		size += len(item) + 1
	}
	text := append(make([]byte, 0, size), head[:len(head)-1]...)
	text = append(text, `,"`+of+`":[`...)
	for i, item := range items {
		if i > 0 {
			text = append(text, ',')
		}
		text = append(text, item...)
	}
	return append(text, "]}\n"...), nil
}
