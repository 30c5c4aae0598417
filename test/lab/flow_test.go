//go:build lab

package lab

import (
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// flow is a connection over which a word goes to and fro all the time.
type flow struct {
	ended  chan error
	rounds atomic.Int64
}

func (w *town) flow(t *testing.T, way string) *flow {
	t.Helper()
	s := w.sights(t, way+" yes")[0]
	conn, _, err := s.from.dial(s.to, patient)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	f := &flow{ended: make(chan error, 1)}
	go func() { f.ended <- f.talk(conn) }()
	require.Eventually(t, func() bool { return f.rounds.Load() > 5 }, 3*patient, 20*time.Millisecond)
	return f
}

func (f *flow) talk(conn net.Conn) error {
	word := []byte("still here")
	for {
		if err := conn.SetDeadline(time.Now().Add(patient)); err != nil {
			return err
		}
		if _, err := conn.Write(word); err != nil {
			return err
		}
		if _, err := io.ReadFull(conn, word); err != nil {
			return err
		}
		f.rounds.Add(1)
		time.Sleep(20 * time.Millisecond)
	}
}

func (f *flow) requireEnds(t *testing.T) {
	t.Helper()
	select {
	case err := <-f.ended:
		require.Error(t, err)
	case <-time.After(3 * patient):
		t.Fatalf("it goes on, after %d rounds", f.rounds.Load())
	}
}

func (f *flow) requireGoesOn(t *testing.T) {
	t.Helper()
	before := f.rounds.Load()
	require.Eventually(t, func() bool { return f.rounds.Load() > before+5 }, 3*patient, 20*time.Millisecond)
}
