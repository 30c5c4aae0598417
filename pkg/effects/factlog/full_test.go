package factlog_test

import (
	"os/signal"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/effects/factlog"
)

// limitFiles has the kernel refuse to let files grow beyond a size, as a full disk does: a write that crosses it is cut short.
func limitFiles(t *testing.T, bytes uint64) (lift func()) {
	t.Helper()
	signal.Ignore(syscall.SIGXFSZ)
	var before syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before))
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: bytes, Max: before.Max}))
	lift = func() { _ = syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before) }
	t.Cleanup(lift)
	return lift
}

func TestAFullDiskLosesNothingThatWasAcknowledgedAndLeavesNoHalfLine(t *testing.T) {
	for size := uint64(20_000); size < 20_400; size += 37 { // the limit is reached at another byte of a line each time
		folder := t.TempDir()
		l := open(t, folder, options())
		lift := limitFiles(t, size)
		var acknowledged int64
		var refused error
		for refused == nil {
			var first int64
			if first, refused = l.Append(facts(3)); refused == nil {
				acknowledged = first + 2
			}
		}
		require.ErrorIs(t, refused, syscall.EFBIG)
		for range 3 {
			_, err := l.Append(facts(3))
			require.ErrorIs(t, err, syscall.EFBIG)
		}
		lines, _ := l.Size()
		require.Equal(t, acknowledged+1, lines)
		lift()
		first, err := l.Append(facts(3))
		require.NoError(t, err, "there is room again")
		require.Equal(t, acknowledged+1, first)
		require.NoError(t, l.Close())
		require.Empty(t, audit(t, factlog.Folder(folder)))
		l = open(t, folder, options())
		lines, _ = l.Size()
		require.Equal(t, acknowledged+4, lines)
		require.NoError(t, l.Close())
	}
}
