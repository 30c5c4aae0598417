package agent

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/effects/ledger"
	"data-space.liqo.io/pkg/effects/nri"
	"data-space.liqo.io/pkg/effects/sandbox"
)

// stuck is a runtime that answers no question about a process: it waits for its own lock, or for a core.
type stuck struct{ release chan struct{} }

func (s stuck) Process(context.Context, string) (sandbox.Process, error) {
	<-s.release
	return sandbox.Process{}, errors.New("late")
}
func (s stuck) ProcessOf(string, int) (sandbox.Process, error) {
	return sandbox.Process{}, errors.New("no")
}
func (s stuck) Kill(string, int) error { return nil }

// TestAStartIsAnsweredWithinTheRuntimesPatience: a plugin that answers late is disconnected, and everything starts without it.
func TestAStartIsAnsweredWithinTheRuntimesPatience(t *testing.T) {
	known, err := ledger.Open(t.TempDir())
	require.NoError(t, err)
	require.NoError(t, known.Put(ledger.Entry{Sandbox: "box", Namespace: "pharma", Name: "app", UID: "1", Guest: "g"}))
	release := make(chan struct{})
	defer close(release)
	second := &Second{agent: &Agent{enforcer: &Enforcer{ledger: known}}, processes: stuck{release}}

	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	began := time.Now()
	err = second.Starting(ctx, nri.Pod{ID: "box", Namespace: "pharma", Name: "app", Netns: "/n"}, nri.Container{ID: "c", Name: "app"})
	require.ErrorContains(t, err, "could not examine container app of pod pharma/app in time", "what was not examined does not start")
	require.Less(t, time.Since(began), 5*time.Second)
}
