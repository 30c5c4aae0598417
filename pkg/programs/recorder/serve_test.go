package recorder_test

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/programs/recorder"
	"data-space.liqo.io/pkg/values/agentapi"
)

func TestAFollowerReadsEachEntryOnce(t *testing.T) {
	n := newNode(t)
	s := n.source("pharma", "study")
	r := n.start()
	n.write(s, 0, 2)
	n.poll(r, 1)
	server := httptest.NewServer(recorder.Handler(n.folder))
	t.Cleanup(server.Close)
	answer, err := http.Get(server.URL + "?" + agentapi.RequestQuery{JSON: true, Follow: true}.Values().Encode())
	require.NoError(t, err)
	t.Cleanup(func() { _ = answer.Body.Close() })
	lines := bufio.NewScanner(answer.Body)
	next := func() {
		require.True(t, lines.Scan())
		for lines.Text() == "" { // a sign of life
			require.True(t, lines.Scan())
		}
	}
	for _, path := range []string{"/0", "/1"} {
		next()
		require.Contains(t, lines.Text(), `"`+path+`"`)
	}
	n.write(s, 2, 3)
	n.poll(r, 1)
	next()
	require.Contains(t, lines.Text(), `"/2"`)
}
