//go:build api || bench

package webhook

import (
	"context"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// process is a running webhook and what it has written. Safe for concurrent use.
type process struct {
	command *exec.Cmd
	mutex   sync.Mutex
	output  strings.Builder
	ended   chan struct{}
	failure error
}

func launch(t *testing.T, command *exec.Cmd) *process {
	t.Helper()
	p := &process{command: command, ended: make(chan struct{})}
	command.Stderr = p
	require.NoError(t, command.Start())
	go func() {
		p.failure = command.Wait()
		close(p.ended)
	}()
	return p
}

func (p *process) stop() {
	_ = p.command.Process.Signal(syscall.SIGTERM)
	<-p.ended
}

// Write implements io.Writer.
func (p *process) Write(data []byte) (int, error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.output.Write(data)
}

// String returns what the process has written.
func (p *process) String() string {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.output.String()
}

// warnings keeps what the API server warned of. Safe for concurrent use.
type warnings struct {
	mutex sync.Mutex
	texts []string
}

// HandleWarningHeaderWithContext implements rest.WarningHandlerWithContext.
func (w *warnings) HandleWarningHeaderWithContext(_ context.Context, _ int, _ string, text string) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.texts = append(w.texts, text)
}

// take returns the warnings since the last call.
func (w *warnings) take() []string {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	texts := w.texts
	w.texts = nil
	return texts
}
