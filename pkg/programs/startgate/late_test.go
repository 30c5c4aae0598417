package startgate

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/quarantine"
	"data-space.liqo.io/pkg/effects/nri"
	"data-space.liqo.io/pkg/values/workload"
)

// slow is a runtime that answers after the caller's patience, unless the question is withdrawn then.
type slow struct {
	stuck
	killed chan int
}

func (s slow) Process(ctx context.Context, _ string) (workload.Process, error) {
	select {
	case <-s.release:
		return workload.Process{PID: 7}, nil
	case <-ctx.Done():
		return workload.Process{}, ctx.Err()
	}
}

func (s slow) Kill(_ string, pid int) error { s.killed <- pid; return nil }

// strict finds a reason in every process.
type strict struct{}

func (strict) BeforeStart(string, string, int, workload.Process) ([]quarantine.Finding, error) {
	return []quarantine.Finding{{Reason: "Capabilities", Message: "it has NET_RAW"}}, nil
}

// TestALateExaminationEndsWhatARuntimeHasStartedAllTheSame: CRI-O announces no process, and starts what a plugin has refused.
func TestALateExaminationEndsWhatARuntimeHasStartedAllTheSame(t *testing.T) {
	runtime := slow{stuck{make(chan struct{})}, make(chan int, 1)}
	handler := world{guests: map[string]string{"box": "g"}}.handler(t, true)
	handler.processes, handler.gate.parts.Examiner = runtime, strict{}

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := handler.Starting(ctx, nri.Pod{ID: "box", Namespace: "pharma", Name: "app", Netns: "/n"}, nri.Container{ID: "c", Name: "app"})
	require.ErrorContains(t, err, "could not examine container app")
	require.Error(t, ctx.Err(), "the runtime has waited long enough")
	close(runtime.release)
	select {
	case pid := <-runtime.killed:
		require.Equal(t, 7, pid)
	case <-time.After(time.Minute):
		require.Fail(t, "the container runs unexamined")
	}
}
