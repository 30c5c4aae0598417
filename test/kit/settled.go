package kit

import (
	"sync/atomic"
	"testing"
	"time"
)

// Settled waits until a count is above 0 and has been the same for a second, and returns it: the writer waits for a reader.
func Settled(tb testing.TB, count *atomic.Int64) int64 {
	tb.Helper()
	const same, step, most = 5, 200 * time.Millisecond, 60 * time.Second
	before, times := int64(0), 0
	for deadline := time.Now().Add(most); time.Now().Before(deadline); time.Sleep(step) {
		now := count.Load()
		if now != before || now == 0 {
			before, times = now, 0
			continue
		}
		if times++; times == same {
			return now
		}
	}
	tb.Fatalf("the count still changes after %s: %d", most, before)
	return 0
}
