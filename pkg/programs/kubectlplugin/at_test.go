package kubectlplugin

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestExplainAtShowsHowAPodWasHeldAndNamesTheLines(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, ExplainAt(t.Context(), watched(t), &out, "pharma-space", "study", Style{Form: FormTable}, at.Add(3*time.Minute)))
	require.Contains(t, out.String(), "Enforced since 2026-01-02T03:00:00Z (line 0 of the node's log)")
	require.Contains(t, out.String(), "in the day before: 2026-01-02T03:02:00Z DriftRepaired")
	require.NotContains(t, out.String(), "\x1b")
	require.ErrorContains(t, ExplainAt(t.Context(), watched(t), &out, "pharma-space", "study", Style{Form: FormTable}, at.Add(-time.Hour)), "no node's log has")
}

func TestAMomentIsATimeOrHowLongAgo(t *testing.T) {
	for text, want := range map[string]time.Time{"90m": at.Add(-90 * time.Minute), "2026-01-02T03:00:00Z": at} {
		got, err := ParseMoment(text, at)
		require.NoError(t, err)
		require.True(t, want.Equal(got), text)
	}
	_, err := ParseMoment("yesterday", at)
	require.ErrorContains(t, err, `--at="yesterday"`)
}
