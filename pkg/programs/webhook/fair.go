package webhook

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"data-space.liqo.io/pkg/decisions/limits"
	"data-space.liqo.io/pkg/decisions/turns"
)

const (
	// maxBody is the size of an AdmissionReview. It carries an object and the one before it, each of limits.MaxBytes at most.
	maxBody = 4 << 20
	// largeBody is the size from which on a request counts as a large one.
	largeBody = 256 << 10
	// ownTimeout is how long a request may take when the API server does not name a time.
	ownTimeout = 5 * time.Second
	// answerTime is what is left of the time when a request that waits is refused.
	answerTime = 2500 * time.Millisecond
	// maxTimeout is the longest time that Kubernetes lets a webhook take.
	maxTimeout = 30 * time.Second
)

// shares bounds what is worked on at a time: the memory limit in deploy/webhook.yaml holds for it.
func shares() turns.Limits {
	return turns.Limits{Running: 8, PerGuest: 2, Large: 2, LargePerGuest: 1, Waiting: 256, WaitingPerGuest: 32}
}

// fair has requests to handlers take turns, guest by guest, and bounds their size and time. It is safe for concurrent use.
//
//  1. One guest's requests take a share of the places; those of others run meanwhile.
//  2. A request that waits holds the beginning of its body only, and is refused while there is time to say why.
//  3. A refusal is an AdmissionReview: a failurePolicy of Ignore does not let the object pass.
type fair struct {
	// guestOf returns whose a namespace is. It does not wait.
	guestOf func(ctx context.Context, namespace string) string
	log     *slog.Logger

	mutex   sync.Mutex
	queue   *turns.Queue
	waiting map[*turns.Ticket]chan struct{}
}

func newFair(guestOf func(context.Context, string) string, limits turns.Limits, logger *slog.Logger) *fair {
	return &fair{guestOf: guestOf, log: logger, queue: turns.New(limits), waiting: map[*turns.Ticket]chan struct{}{}}
}

// inFrontOf returns next with its requests taking turns. All handlers share the places.
func (f *fair) inFrontOf(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		timeout := timeoutOf(r)
		// A client that sends slowly, or does not read, holds nothing for longer.
		control := http.NewResponseController(w)
		_ = control.SetReadDeadline(time.Now().Add(timeout))
		_ = control.SetWriteDeadline(time.Now().Add(timeout + time.Second))
		ctx, cancel := context.WithTimeout(r.Context(), timeout)
		defer cancel()
		f.serve(next, w, r.WithContext(ctx), timeout-answerTime)
	})
}

func (f *fair) serve(next http.Handler, w http.ResponseWriter, r *http.Request, patience time.Duration) {
	ctx := r.Context()
	head, body, err := readHead(r.Body, r.ContentLength)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if r.ContentLength > maxBody {
		f.refuse(ctx, w, head, http.StatusRequestEntityTooLarge, metav1.StatusReasonRequestEntityTooLarge, fmt.Sprintf(
			"the object is too large: the request for its admission has %d bytes, the limit is %d; split the object", r.ContentLength, maxBody))
		return
	}
	ticket := &turns.Ticket{Guest: f.shareOf(ctx, head), Large: r.ContentLength < 0 || r.ContentLength > largeBody}
	if !f.enter(ctx, ticket, patience) {
		f.refuse(ctx, w, head, http.StatusTooManyRequests, metav1.StatusReasonTooManyRequests, fmt.Sprintf(
			"too many admission requests of %s at a time; try again in a second, with fewer or smaller objects at once", ticket.Guest))
		return
	}
	defer f.leave(ticket)
	r.Body = http.MaxBytesReader(w, readCloser{body, r.Body}, maxBody)
	next.ServeHTTP(w, r)
}

// shareOf returns whose share a request is of: the guest's of its namespace, or a kubelet's own. A kubelet writes the statuses of
// all its pods one after the other: if a flood of one guest held one of them up, those of the Hospital's pods would wait as well.
func (f *fair) shareOf(ctx context.Context, h head) string {
	if node := h.node(); node != "" {
		return fmt.Sprintf("node %q", limits.Cut(node, limits.MaxName))
	}
	return f.guestOf(ctx, h.namespace)
}

// readCloser reads from one and closes the other.
type readCloser struct {
	io.Reader
	io.Closer
}

// enter waits for a request's turn. It reports false where the guest's share is exhausted, or patience is.
func (f *fair) enter(ctx context.Context, ticket *turns.Ticket, patience time.Duration) bool {
	f.mutex.Lock()
	verdict := f.queue.Arrive(ticket)
	turn := make(chan struct{})
	if verdict == turns.Wait {
		f.waiting[ticket] = turn
	}
	f.mutex.Unlock()
	if verdict != turns.Wait {
		return verdict == turns.Run
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-turn:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	f.leave(ticket)
	return false
}

// leave ends a request that runs or waits, and wakes those whose turn it is then.
func (f *fair) leave(ticket *turns.Ticket) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	delete(f.waiting, ticket)
	for _, started := range f.queue.Leave(ticket) {
		close(f.waiting[started])
		delete(f.waiting, started)
	}
}

func (f *fair) refuse(ctx context.Context, w http.ResponseWriter, h head, code int32, reason metav1.StatusReason, message string) {
	f.log.DebugContext(ctx, "request refused unread", "namespace", h.namespace, "reason", message)
	review := admissionv1.AdmissionReview{
		TypeMeta: reviewType(),
		Response: &admissionv1.AdmissionResponse{UID: types.UID(h.uid), Result: &metav1.Status{
			Status: metav1.StatusFailure, Code: code, Reason: reason, Message: message,
		}},
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(review) // If the connection is closed, the answer is lost.
}

// timeoutOf returns how long the API server waits for an answer to a request.
func timeoutOf(r *http.Request) time.Duration {
	timeout, err := time.ParseDuration(r.URL.Query().Get("timeout"))
	if err != nil || timeout <= 0 || timeout > maxTimeout {
		return ownTimeout
	}
	return timeout
}
