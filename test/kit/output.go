package kit

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
)

// Output collects what processes write. It is safe for concurrent use.
type Output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

// String returns all that was written since the last Reset.
func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// Reset forgets what was written.
func (o *Output) Reset() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text.Reset()
}

// End returns the last lines that were written, for the output of a test that failed: at most 40 lines of 500 bytes and 6 KiB in all. Where
// only the end of a long output is kept, the assertion before them must be in it.
func (o *Output) End() string {
	const lines, width, most = 40, 500, 6 << 10
	all := strings.Split(strings.TrimRight(o.String(), "\n"), "\n")
	var kept []string
	for left := most; len(all) > 0 && len(kept) < lines; all = all[:len(all)-1] {
		line := all[len(all)-1]
		line = line[:min(len(line), width)]
		if left -= len(line); left < 0 {
			break
		}
		kept = append([]string{line}, kept...)
	}
	if len(all) > 0 {
		kept = append([]string{fmt.Sprintf("… after %d lines", len(all))}, kept...)
	}
	return strings.Join(kept, "\n")
}
