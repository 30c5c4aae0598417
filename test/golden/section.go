package golden

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Section is a part of a page that a test writes, between two lines of the page.
type Section struct{ Page, Begin, End string }

// Require asserts that the section holds the text, or writes it there.
func (s Section) Require(t *testing.T, text string, update bool) {
	t.Helper()
	page, err := os.ReadFile(s.Page)
	require.NoError(t, err)
	head, rest, found := strings.Cut(string(page), s.Begin)
	require.True(t, found, "%s has no %q", s.Page, s.Begin)
	_, tail, found := strings.Cut(rest, s.End)
	require.True(t, found, "%s has no %q", s.Page, s.End)
	now := head + s.Begin + text + s.End + tail
	if update {
		require.NoError(t, os.WriteFile(s.Page, []byte(now), 0o600))
	}
	require.Equal(t, string(page), now, "run with -update after looking at the change")
}
