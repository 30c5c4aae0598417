package apiproxy

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"data-space.liqo.io/pkg/decisions/window"
	"data-space.liqo.io/pkg/effects/upstream"
)

func bookmark(version int, ends bool) []byte {
	annotations := ""
	if ends {
		annotations = `,"annotations":{"k8s.io/initial-events-end":"true"}`
	}
	return []byte(`{"type":"BOOKMARK","object":{"kind":"Pod","metadata":{"resourceVersion":"` + strconv.Itoa(version) + `"` + annotations + `}}}` + "\n")
}

func TestABookmarkOfAllIsWhatEachHasReached(t *testing.T) {
	p := newMergedProgress(map[string]io.ReadCloser{"a": nil, "b": nil})
	for _, step := range []struct {
		space   string
		version int
		ends    bool
		want    string // the version; "": no bookmark
	}{
		{"a", 10, false, ""}, {"b", 8, false, window.VersionOfAll("8", []string{"a", "b"})}, {"b", 8, false, ""},
		{"b", 12, false, window.VersionOfAll("10", []string{"a", "b"})}, {"a", 11, true, ""}, {"b", 13, true, window.VersionOfAll("11", []string{"a", "b"})},
	} {
		got, err := p.note(step.space, bookmark(step.version, step.ends))
		require.NoError(t, err)
		if step.want == "" {
			require.Nil(t, got, "%+v", step)
			continue
		}
		require.Contains(t, string(got), `"resourceVersion":"`+step.want+`"`, "%+v", step)
		require.Equal(t, step.ends, string(got) != "" && len(got) > 100, "the annotation is the client's sign that all is there")
	}
	p.join("c")
	got, err := p.note("a", bookmark(20, false))
	require.NoError(t, err)
	require.Nil(t, got, "what c has is not known to be there")
	got, err = p.note("c", bookmark(21, false))
	require.NoError(t, err)
	require.Contains(t, string(got), window.VersionOfAll("13", []string{"a", "b", "c"}))
}

func TestAGuestsStreamsAreBounded(t *testing.T) {
	q := newQuota(3, 5)
	require.True(t, q.take("a", 3))
	require.False(t, q.take("a", 1))
	require.True(t, q.take("b", 2))
	require.False(t, q.take("c", 1), "all guests' together")
	q.give("a", 3)
	require.True(t, q.take("c", 3))
	q.give("b", 2)
	q.give("c", 3)
	require.Empty(t, q.of)
	require.Zero(t, q.sum)
}

// A guest's user may name a selector that the kind does not have, as often as it likes.
func TestWhatTheAPIServerRefusesOfARequestForAllNamespacesIsItsAnswer(t *testing.T) {
	for code, want := range map[int]string{http.StatusBadRequest: "not supported", http.StatusTooManyRequests: "not supported", http.StatusInternalServerError: ""} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(code)
			fmt.Fprintf(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","message":"not supported","code":%d}`, code)
		}))
		defer server.Close()
		to, err := upstream.New(&rest.Config{Host: server.URL})
		require.NoError(t, err)
		p := &proxy{server: to, streams: newQuota(10, 10), guests: &sources{namespaces: map[types.UID]space{"u": {guest: "g", name: "g-a", foreign: true}}}}
		for _, verb := range []string{"list", "watch"} {
			planned, refusal := refusedList(t.Context())
			planned.request.Verb = verb
			_, err = p.merge(planned, refusal)
			require.NoError(t, refusal.Body.Close())
			var status apierrors.APIStatus
			require.Equal(t, want != "", errors.As(err, &status), "%v", err)
			if want != "" {
				require.Equal(t, int32(code), status.Status().Code)
				require.Equal(t, want, status.Status().Message)
			}
		}
	}
}
