package witness_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/translog"
	"data-space.liqo.io/pkg/effects/factlog"
	"data-space.liqo.io/pkg/effects/witnessfile"
	"data-space.liqo.io/pkg/programs/facts"
	"data-space.liqo.io/pkg/programs/witness"
)

// "agent record keys >> logs.txt" a second time writes the same keys again.
func TestAKeyThatIsNamedTwiceIsOneKey(t *testing.T) {
	w := newWorld(t)
	keys, err := factlog.Folder(w.folder).Keys()
	require.NoError(t, err)
	state, err := witnessfile.Open(w.state)
	require.NoError(t, err)
	defer state.Close()
	made, err := witness.New(name, append(keys, keys...), state, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	server := httptest.NewServer(made.Handler())
	defer server.Close()
	w.key, w.url = made.Key(), server.URL
	e, registry := w.agent()
	e.Ask(t.Context())
	require.Equal(t, 101, w.metric(registry, "data_space_agent_facts_witnessed_lines"))

	v, err := facts.Verify(w.folder, append(keys, keys...), nil, "")
	require.NoError(t, err)
	require.Empty(t, v.Flaws)
}

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
			require.NoFileExists(t, w.cosigned())
			require.Zero(t, w.refused(e))
		})
	}
	require.EqualValues(t, 3, asked.Load(), "the agent gives up until the next half minute")
}
