package recordfile_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/record"
	"data-space.liqo.io/pkg/effects/recordfile"
	"data-space.liqo.io/pkg/values/fact"
)

// A reader that has read nothing yet misses the removed segments just as one that has read a part of them.
func TestAReaderLearnsThatSegmentsBeforeItsPlaceWereRemoved(t *testing.T) {
	folder := t.TempDir()
	f, err := recordfile.Open(folder, recordfile.Limits{Total: 3 << 10, Segment: 1 << 10})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.Close()) })
	add := func() {
		require.NoError(t, f.Append([]record.Entry{{Time: "2026-01-02T03:04:05Z", Text: strings.Repeat("x", 900)}}))
		require.NoError(t, f.Sync())
	}
	removed := func(from fact.Place) bool {
		part, err := recordfile.Lines(folder, from, f.Synced(), 1<<20)
		require.NoError(t, err)
		require.NotEmpty(t, part.Lines)
		return part.Removed
	}
	add()
	require.False(t, removed(fact.Place{}))
	for range 9 {
		add()
	}
	for from, want := range map[fact.Place]bool{{}: true, {Segment: 1}: true, {Segment: f.Synced().Segment}: false} {
		require.Equal(t, want, removed(from), from)
	}
}
