package witness_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/translog"
)

// The other party runs the witness and chooses each answer. The agent is on the node's network, where it could reach what the other party cannot.
func TestAWitnessThatLiesOrRedirectsReachesAndStopsNothing(t *testing.T) {
	w := newWorld(t)
	w.serve()() // the key alone is needed
	var reached, asked atomic.Int64
	inner := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	defer inner.Close()
	for how, answer := range map[string]http.HandlerFunc{
		"redirects the GET": func(out http.ResponseWriter, r *http.Request) { http.Redirect(out, r, inner.URL, http.StatusSeeOther) },
		"redirects the POST": func(out http.ResponseWriter, r *http.Request) {
			http.Redirect(out, r, inner.URL, http.StatusTemporaryRedirect)
		},
		"signs nothing":   func(out http.ResponseWriter, _ *http.Request) { fmt.Fprintln(out, "— "+name+" AAAA") },
		"knows no number": func(out http.ResponseWriter, _ *http.Request) { http.Error(out, "many", translog.StatusConflict) },
		"knows another size each time": func(out http.ResponseWriter, _ *http.Request) {
			http.Error(out, fmt.Sprint(asked.Add(1)), translog.StatusConflict)
		},
	} {
		t.Run(how, func(t *testing.T) {
			lies := httptest.NewServer(answer)
			defer lies.Close()
			w.url = lies.URL
			e, _ := w.agent()
			e.Ask(t.Context())
			require.Zero(t, reached.Load(), "the agent was sent elsewhere")
			require.NoFileExists(t, filepath.Join(w.folder, "cosigned"))
			require.Zero(t, w.refused(e))
		})
	}
	require.EqualValues(t, 3, asked.Load(), "the agent gives up until the next half minute")
}
