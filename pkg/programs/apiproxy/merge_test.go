package apiproxy

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"data-space.liqo.io/pkg/decisions/window"
	"data-space.liqo.io/pkg/effects/upstream"
	"data-space.liqo.io/test/kit"
)

// beforeNamespaces is a proxy before a server whose guest has ConfigMaps of this size in each of 64 namespaces, and what the server has sent.
func beforeNamespaces(t *testing.T, size int) (*proxy, *atomic.Int64) {
	t.Helper()
	sent := &atomic.Int64{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if !strings.Contains(r.URL.Path, "/namespaces/") {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		if r.URL.Query().Get("resourceVersion") != "" && r.URL.Query().Get("resourceVersionMatch") != "Exact" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		fmt.Fprint(w, `{"kind":"ConfigMapList","apiVersion":"v1","metadata":{"resourceVersion":"7"},"items":[{"data":{"a":"`)
		chunk := bytes.Repeat([]byte("a"), 1<<10)
		for range size / len(chunk) {
			n, err := w.Write(chunk)
			sent.Add(int64(n))
			if err != nil {
				return
			}
		}
		fmt.Fprint(w, `"}}]}`)
	}))
	t.Cleanup(server.Close)
	to, err := upstream.New(&rest.Config{Host: server.URL})
	require.NoError(t, err)
	spaces := map[types.UID]space{}
	for i := range 64 {
		name := fmt.Sprintf("g-%d", i)
		spaces[types.UID(name)] = space{guest: "g", name: name, foreign: true}
	}
	return &proxy{server: to, guests: &sources{namespaces: spaces}, heavy: newLines(mostHeld), log: slog.New(slog.DiscardHandler)}, sent
}

func refusedList(ctx context.Context) (*plan, *http.Response) {
	request, _ := http.NewRequestWithContext(ctx, http.MethodGet, "/api/v1/configmaps", nil)
	planned := &plan{
		caller: upstream.Identity{Name: "alice"}, ids: []string{"g"}, verdict: window.Verdict{Action: window.Pass},
		request: window.Request{Method: "GET", Resource: true, Verb: "list", Kind: schema.GroupResource{Resource: "configmaps"}, Version: "v1", Query: url.Values{}},
	}
	return planned, &http.Response{StatusCode: http.StatusForbidden, Header: http.Header{}, Body: http.NoBody, Request: request}
}

func TestAListOfAllNamespacesIsNotHeld(t *testing.T) {
	p, sent := beforeNamespaces(t, 2<<20)
	planned, response := refusedList(t.Context())
	merged, err := p.merge(planned, response)
	require.NoError(t, err)
	require.True(t, merged)
	in := bufio.NewReader(response.Body)
	_, err = in.Peek(1)
	require.NoError(t, err)
	require.Less(t, kit.Settled(t, sent), int64(32<<20), "of 128 MiB; what is sent is in the buffers of sockets")
	var list struct {
		Kind     string
		Metadata struct{ ResourceVersion string }
		Items    []struct{ Data map[string]string }
	}
	require.NoError(t, json.NewDecoder(in).Decode(&list))
	require.Len(t, list.Items, 64)
	require.Equal(t, "ConfigMapList", list.Kind)
	require.Equal(t, window.VersionOfAll("7", p.guests.namespacesOf([]string{"g"})), list.Metadata.ResourceVersion)
	require.NoError(t, response.Body.Close())
}

func TestListsArePutTogetherAsTheyCome(t *testing.T) {
	for want, documents := range map[string][]string{
		`{"items":[{"a":"]}\"\\"},[1,{"b":2}],3,"x"],"kind":"L","apiVersion":"v1","metadata":{"resourceVersion":"7"}}`: {
			`{"kind":"L","apiVersion":"v1","metadata":{"resourceVersion":"7","continue":"x"},"items":[{"a":"]}\"\\"},[1,{"b":2}]]}`, `{"items":null}`, `{"x":[[{}]],"items": [ ] }`, `{"items":[3,"x"]}`,
		},
		`{"items":[],"kind":"L","apiVersion":"v1","metadata":{"resourceVersion":"7"}}`: {`{"apiVersion":"v1","items":[],"kind":"L","metadata":{"resourceVersion":"7"}}`},
		`{"rows":[1,2],"columnDefinitions":[{"a":"b"}],"kind":"Table","apiVersion":"v1","metadata":{"resourceVersion":"7"}}`: {
			`{"kind":"Table","apiVersion":"v1","metadata":{"resourceVersion":"7"},"columnDefinitions":[{"a":"b"}],"rows":[1]}`, `{"kind":"Table","columnDefinitions":[],"rows":[2]}`,
		},
	} {
		have, err := put(documents...)
		require.NoError(t, err)
		require.JSONEq(t, want, have)
	}
	for _, broken := range []string{"", "[]", "null", `{"items":[`, `{"items":[{"a":"b`, `{"kind":"L"`, `{"metadata":"` + strings.Repeat("x", mostHead+1) + `"}`} {
		_, err := put(broken)
		require.Error(t, err, broken)
	}
}

func put(documents ...string) (string, error) {
	var out bytes.Buffer
	items := &itemsWriter{to: &out}
	var first listHead
	for i, document := range documents {
		head, err := newJSONStream(strings.NewReader(document)).list(items)
		if err != nil {
			return "", err
		}
		if i == 0 {
			first = head
		}
	}
	return out.String() + func() string { out.Reset(); _ = items.end(first, first.resourceVersion()); return out.String() }(), nil
}

// FuzzLists tries documents of any form: the items of two lists are those of both.
func FuzzLists(f *testing.F) {
	for _, seed := range []string{`{"kind":"L","apiVersion":"v","items":[1,{"a":[]}],"metadata":{}}`, `{"items":null}`, `{"a":{"items":[1]},"items":["\\\"]"]}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, document string) {
		var list map[string]json.RawMessage
		var items []any
		if json.Unmarshal([]byte(document), &list) != nil || json.Unmarshal(list["items"], &items) != nil || strings.Count(document, `"items"`) != 1 || strings.ContainsAny(document, `\`) || list["rows"] != nil {
			return
		}
		if len(list["kind"]) == 0 || len(list["apiVersion"]) == 0 || strings.Count(document, "\"kind\"") > 1 || strings.Count(document, "\"apiVersion\"") > 1 {
			return
		}
		for key := range list {
			if strings.Contains(key, ":") || len(key) > 1<<10 {
				return // no list of the API has such a member
			}
		}
		have, err := put(document, document)
		require.NoError(t, err)
		var both struct{ Items []any }
		require.NoError(t, json.Unmarshal([]byte(have), &both), have)
		require.Equal(t, append(append([]any{}, items...), items...), append([]any{}, both.Items...))
	})
}

func TestAWatchsSnapshotWaitsForTheGuestsTurn(t *testing.T) {
	p, _ := beforeNamespaces(t, 1<<10)
	planned := &plan{ids: []string{"g"}, verdict: window.Verdict{Path: "/api/v1/namespaces/x/nodes", Query: url.Values{"resourceVersion": {"7"}}}}
	end, err := p.heavy.begin(t.Context(), "g")
	require.NoError(t, err)
	brief, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = p.snapshot(brief, planned)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Equal(t, 1, p.heavy.of["g"].users, "it waited for its turn, and waits no more")
	end()
	_, err = p.snapshot(t.Context(), planned)
	require.NoError(t, err)
	require.Empty(t, p.heavy.of)
}

func TestGuestsDoNotWaitForEachOtherUntilAllTurnsAreTaken(t *testing.T) {
	l, ended := newLines(2), func() context.Context { ctx, cancel := context.WithCancel(t.Context()); cancel(); return ctx }
	a, err := l.begin(t.Context(), "a")
	require.NoError(t, err)
	b, err := l.begin(t.Context(), "b")
	require.NoError(t, err)
	for _, guest := range []string{"a", "c"} {
		_, err = l.begin(ended(), guest)
		require.ErrorIs(t, err, context.Canceled)
	}
	b()
	b()
	c, err := l.begin(t.Context(), "c")
	require.NoError(t, err)
	a()
	c()
	require.Empty(t, l.of)
}
