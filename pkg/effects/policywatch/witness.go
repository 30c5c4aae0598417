package policywatch

import (
	"fmt"
	"net/http"
	"sync"
)

// witness sees what becomes of each call to the API server.
type witness struct {
	mu   sync.Mutex
	last string
}

func (w *witness) of(next http.RoundTripper) http.RoundTripper { return witnessed{next, w} }

func (w *witness) note(problem string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last = problem
}

func (w *witness) problem() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last
}

// witnessed is a transport that is looked at.
type witnessed struct {
	http.RoundTripper
	witness *witness
}

// RoundTrip implements http.RoundTripper.
func (w witnessed) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := w.RoundTripper.RoundTrip(r)
	switch {
	case r.Context().Err() != nil:
	case err != nil:
		w.witness.note(err.Error())
	case answer.StatusCode == http.StatusNotFound, answer.StatusCode == http.StatusGone: // ordinary answers
	case answer.StatusCode >= http.StatusBadRequest:
		w.witness.note(fmt.Sprintf("%s %s: %s", r.Method, r.URL.Path, answer.Status))
	default:
		w.witness.note("")
	}
	return answer, err
}
