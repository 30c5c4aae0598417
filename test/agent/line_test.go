//go:build api || bench

package agent_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/test/kit"
)

// newLine returns a line to the API server at that URL, and the URL of its near end.
func newLine(t *testing.T, url string) (l *kit.Line, own string) {
	t.Helper()
	l, err := kit.NewLine(url)
	require.NoError(t, err)
	t.Cleanup(l.Cut)
	return l, l.URL()
}

func hostPort(url string) string { return strings.Trim(strings.TrimPrefix(url, "https://"), "/") }
