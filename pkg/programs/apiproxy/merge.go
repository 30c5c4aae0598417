package apiproxy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"data-space.liqo.io/pkg/decisions/window"
	"data-space.liqo.io/pkg/effects/upstream"
)

// Bounds of a list of all namespaces that is put together here.
const (
	mostSpaces   = 256
	atATime      = 8
	mostOfASpace = 16 << 20
	mostOfAll    = 64 << 20
)

// merge replaces the API server's refusal of a list of all namespaces by the lists of the guest's own, each asked for in the caller's name. It
// reports whether it has: the refusal stands if the caller may not list in any of them.
func (p *proxy) merge(planned *plan, r *http.Response) (bool, error) {
	accept := window.AcceptJSON(strings.Join(r.Request.Header.Values("Accept"), ","), false)
	spaces := p.guests.namespacesOf(planned.ids)
	if accept == "" || len(spaces) == 0 || len(spaces) > mostSpaces || !window.MayMerge(planned.ids, planned.request) {
		return false, nil
	}
	lists := make([]*listDocument, len(spaces))
	group, ctx := errgroup.WithContext(r.Request.Context())
	group.SetLimit(atATime)
	for i, space := range spaces {
		group.Go(func() (err error) {
			lists[i], err = p.listIn(ctx, planned, space, accept)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return false, err
	}
	merged, err := mergeLists(lists)
	if merged == nil || err != nil {
		return false, err
	}
	planned.verdict.Action = joined
	r.Body = unread{bytes.NewReader(merged), r.Body}
	r.StatusCode, r.Status, r.ContentLength = http.StatusOK, "200 OK", int64(len(merged))
	r.Header.Set("Content-Length", strconv.Itoa(len(merged)))
	r.Header.Set("Content-Type", "application/json")
	return true, nil
}

// listIn returns the list of one namespace; nil: the caller may not list there, or the kind's objects are in no namespace.
func (p *proxy) listIn(ctx context.Context, planned *plan, namespace, accept string) (*listDocument, error) {
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
	raw, err := io.ReadAll(io.LimitReader(response.Body, mostOfASpace))
	if err != nil || len(raw) == mostOfASpace {
		return nil, errors.Join(err, fmt.Errorf("the list of namespace %s has %d bytes; list each namespace alone, in pages", namespace, len(raw)))
	}
	list := &listDocument{}
	return list, utiljson.Unmarshal(raw, list)
}

// mergeLists returns one list of several; nil: there is none. Its resource version is that of the first: no watch begins at it, since the API
// server refuses watches of all namespaces.
func mergeLists(lists []*listDocument) ([]byte, error) {
	var all *listDocument
	size := 0
	for _, list := range lists {
		if list == nil {
			continue
		}
		for _, item := range slices.Concat(list.Items, list.Rows) {
			size += len(item)
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
	if size > mostOfAll {
		return nil, fmt.Errorf("the lists have %d bytes; list each namespace alone", size)
	}
	var metadata struct {
		ResourceVersion string `json:"resourceVersion"`
	}
	if err := utiljson.Unmarshal(all.Metadata, &metadata); err != nil {
		return nil, fmt.Errorf("the API server's answer: %w", err)
	}
	document := map[string]any{"kind": all.Kind, "apiVersion": all.APIVersion, "metadata": metadata}
	if all.Kind == "Table" {
		document["columnDefinitions"], document["rows"] = all.Columns, emptyNotNull(all.Rows)
	} else {
		document["items"] = emptyNotNull(all.Items)
	}
	text, err := json.Marshal(document)
	return append(text, '\n'), err
}

func emptyNotNull(list []json.RawMessage) []json.RawMessage {
	if list == nil {
		return []json.RawMessage{}
	}
	return list
}
