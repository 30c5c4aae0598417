//go:build api

package webhook

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/test/kit"
)

// balancer is the webhook's Service: each connection goes to one of the replicas in turn. Like a node's Service proxy, it knows late that
// one is about to end. Safe for concurrent use.
type balancer struct {
	mu    sync.Mutex
	ports []int
	turn  int
}

func (b *balancer) set(ports ...int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ports = slices.Clone(ports)
}

func (b *balancer) next() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.turn++
	return b.ports[b.turn%len(b.ports)]
}

// serve passes the connections of a port on until the listener is closed.
func (b *balancer) serve(l net.Listener) {
	for {
		from, err := l.Accept()
		if err != nil {
			return
		}
		go b.pass(from)
	}
}

func (b *balancer) pass(from net.Conn) {
	defer from.Close()
	to, err := net.Dial("tcp", fmt.Sprintf("localhost:%d", b.next()))
	if err != nil {
		return
	}
	defer to.Close()
	ended := make(chan struct{}, 2)
	for _, way := range [][2]net.Conn{{from, to}, {to, from}} {
		go func() { _, _ = io.Copy(way[0], way[1]); ended <- struct{}{} }()
	}
	<-ended
}

// replica starts a webhook of its own port and settings, and waits until it is ready.
func (w *world) replica(t *testing.T, extra ...string) *world {
	t.Helper()
	other := *w
	other.port, other.certDir, other.health = int(kit.FreeAddress(t).Port()), t.TempDir(), kit.FreeAddress(t).String()
	other.process = launch(t, other.command(extra...))
	require.Eventually(t, func() bool { return other.ready() == http.StatusOK }, waitLong, waitStep, "%s", other.process)
	return &other
}

// rollout replaces two replicas by two with another image, reader (and so another command, environment and volume), profile and amounts, as a
// Deployment does, while pods are created all the time:
// each is admitted, whichever of them injects and whichever judges.
func rollout(t *testing.T, w *world) {
	t.Helper()
	w.process.stop()
	defer w.start(t)
	const later = "docker.io/data-spacer/envoy:later"
	old := func() *world { return w.replica(t, "--drain-time=3s", "--proxy-reader=codec") }
	renewed := func() *world {
		return w.replica(t, "--drain-time=3s", "--envoy-image="+later, "--seccomp-profile=RuntimeDefault", "--proxy-limits=memory=384Mi")
	}
	w.remove(t, "admission-policy.yaml", "ValidatingAdmissionPolicyBinding") // one of its rules is about the profile
	defer w.restorePolicy(t)

	replicas := []*world{old(), old()}
	service := &balancer{}
	service.set(replicas[0].port, replicas[1].port)
	listener, err := net.Listen("tcp", fmt.Sprintf("localhost:%d", w.port))
	require.NoError(t, err)
	defer listener.Close()
	go service.serve(listener)
	stream := w.stream(t, later)

	for i := range replicas {
		stream.atLeast(t, 20)
		fresh := renewed()
		service.set(fresh.port, replicas[0].port, replicas[1].port)
		stream.atLeast(t, 40)
		ending := replicas[i].process
		replicas[i].drain(t)
		stream.atLeast(t, 10) // the Service still names it
		replicas[i] = fresh
		service.set(replicas[0].port, replicas[1].port)
		<-ending.ended
		require.NoError(t, ending.failure)
	}
	stream.atLeast(t, 20)
	close(stream.stop)
	stream.group.Wait()
	for _, r := range replicas {
		r.process.stop()
	}
	require.Empty(t, stream.refused, "of %d creations", stream.created.Load())
	require.Positive(t, stream.before.Load(), "the old proxy was injected")
	require.Positive(t, stream.after.Load(), "the new proxy was injected")
}

// drain ends a replica, and waits until it says that it is not ready.
func (w *world) drain(t *testing.T) {
	t.Helper()
	require.NoError(t, w.process.command.Process.Signal(syscall.SIGTERM))
	require.Eventually(t, func() bool { return w.ready() != http.StatusOK }, waitLong, 10*time.Millisecond)
}

func (w *world) restorePolicy(t *testing.T) {
	t.Helper()
	for _, object := range manifest(t, "admission-policy.yaml") {
		if object.GetKind() == "ValidatingAdmissionPolicyBinding" {
			w.create(t, object)
		}
	}
}

// stream is pods that are created all the time.
type stream struct {
	created, before, after atomic.Int64
	mu                     sync.Mutex
	refused                []string
	stop                   chan struct{}
	group                  sync.WaitGroup
}

// atLeast waits until so many more pods were created or refused.
func (s *stream) atLeast(t *testing.T, more int64) {
	t.Helper()
	from := s.created.Load()
	require.Eventually(t, func() bool { return s.created.Load() >= from+more }, 3*waitLong, waitStep)
}

func (w *world) stream(t *testing.T, later string) *stream {
	t.Helper()
	s := &stream{stop: make(chan struct{})}
	namespace := w.foreign(t)
	for range 4 {
		s.group.Go(func() {
			for {
				select {
				case <-s.stop:
					return
				default:
					s.one(t, w, namespace, later)
				}
			}
		})
	}
	return s
}

func (s *stream) one(t *testing.T, w *world, namespace, later string) {
	p := pod(namespace, "")
	p.GenerateName = "app-"
	err := w.client.Create(t.Context(), p, client.DryRunAll)
	defer s.created.Add(1)
	switch {
	case err != nil && strings.Contains(err.Error(), "context deadline exceeded"): // a slow machine is no refusal
	case err != nil:
		s.mu.Lock()
		defer s.mu.Unlock()
		s.refused = append(s.refused, err.Error())
	case p.Spec.InitContainers[0].Image == later:
		s.after.Add(1)
		s.check(t, p, "384Mi")
	default:
		s.before.Add(1)
		s.check(t, p, "256Mi")
	}
}

// check asserts that a pod's proxy is of one replica, and no mixture.
func (s *stream) check(t *testing.T, p *corev1.Pod, memory string) {
	if got := p.Spec.InitContainers[0].Resources.Limits.Memory().String(); got != memory {
		t.Errorf("the proxy %s has %s of memory", p.Spec.InitContainers[0].Image, got)
	}
}
