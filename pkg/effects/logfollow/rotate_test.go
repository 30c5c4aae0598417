package logfollow_test

import (
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestRotationAtAnyMomentLosesNothing rotates while the log is read, as the kubelet and the container runtime do: the file is renamed, the next lines still go
// into it until the runtime opens another one, and the one before is compressed and removed. The kubelet looks every ten seconds, 40 reads later.
func TestRotationAtAnyMomentLosesNothing(t *testing.T) {
	p := newPod(t)
	var reads atomic.Int64
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		before := ""
		for rotation := range 60 {
			p.write("0.log", 1+rotation%7)
			rotated := fmt.Sprintf("0.log.20260102-%06d", rotation)
			p.move("0.log", rotated)
			p.write(rotated, rotation%5) // until the runtime has opened another one
			p.write("0.log", rotation%3+1)
			if before != "" {
				p.write(before+".tmp", 0)
				p.move(before+".tmp", before+".gz")
				if os.Remove(filepath.Join(p.folder(), before)) != nil {
					return
				}
			}
			before = rotated
			for until := reads.Load() + 3; reads.Load() < until; {
				p.write("0.log", 1)
			}
		}
	}()
	for running := true; running; {
		select {
		case <-ended:
			running = false
		default:
		}
		p.poll()
		reads.Add(1)
	}
	for range 5 {
		p.poll()
	}
	require.Greater(t, p.n, 400)
	p.complete()
}
