package podrules

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/values/workload"
)

func TestOneSandboxIsWrittenAtATime(t *testing.T) {
	var m memory
	first := m.lock("a")
	m.lock("b")() // another sandbox does not wait
	var order []string
	var done sync.WaitGroup
	done.Go(func() {
		defer m.lock("a")()
		order = append(order, "second")
	})
	order = append(order, "first")
	first()
	done.Wait()
	require.Equal(t, []string{"first", "second"}, order)
	require.Empty(t, m.boxes, "nothing is kept of sandboxes that no call writes")
}

func TestAStartIsRememberedUntilItIsListedOrHasFailed(t *testing.T) {
	var m memory
	now := time.Unix(1000, 0)
	m.hold("a", now)
	require.True(t, m.starting("a", now))
	require.True(t, m.newborn("a", now))
	m.list("a")
	require.False(t, m.starting("a", now), "the runtime lists it")
	require.True(t, m.newborn("a", now.Add(newbornFor)))
	require.False(t, m.newborn("a", now.Add(newbornFor+1)))

	m.hold("b", now)
	require.False(t, m.starting("b", now.Add(startingFor+1)))
	m.hold("c", now.Add(startingFor+1))
	require.Len(t, m.boxes, 1, "starts that have failed are forgotten")
	require.False(t, m.starting("never", now))
	require.False(t, m.newborn("never", now))
}

func TestAnAnnouncedProxyCountsWhileItRuns(t *testing.T) {
	ended := false
	m := memory{process: func(_ string, pid int) (workload.Process, error) {
		if ended {
			return workload.Process{}, errors.New("gone")
		}
		return workload.Process{PID: pid}, nil
	}}
	m.announce("a", "envoy", 7)
	p, ok := m.proxy("a")
	require.True(t, ok)
	require.Equal(t, 7, p.PID)
	m.ended("a", "another")
	_, ok = m.proxy("a")
	require.True(t, ok, "the end of another container changes nothing")

	ended = true
	_, ok = m.proxy("a")
	require.False(t, ok)
	require.Empty(t, m.boxes, "what has ended is forgotten")
	m.announce("a", "envoy", 8)
	m.reset()
	require.Empty(t, m.boxes)
	_, ok = (&memory{}).proxy("a")
	require.False(t, ok)
}
