package webhook

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"
)

// drain keeps a replica that received SIGTERM serving until no API server sends it requests: it takes a moment until each node's
// Service proxy has removed the endpoint, and an API server keeps the connections that it has.
type drain struct {
	// ending is closed when the program receives SIGTERM.
	ending <-chan struct{}
}

func (d drain) begun() bool {
	select {
	case <-d.ending:
		return true
	default:
		return false
	}
}

// check is a readiness check: an error once the program has received SIGTERM.
func (d drain) check(*http.Request) error {
	if d.begun() {
		return errors.New("shutting down: still serving until the Service no longer sends requests here")
	}
	return nil
}

// inFrontOf has each answer of an ending replica close its connection: the API server opens the next one to another replica.
func (d drain) inFrontOf(next http.Handler) http.Handler {
	return http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		if d.begun() {
			response.Header().Set("Connection", "close")
		}
		next.ServeHTTP(response, request)
	})
}

// drained returns a context that ends when wait has passed after the context told has ended, or when the returned function is called.
func drained(told context.Context, wait time.Duration, logger *slog.Logger) (context.Context, context.CancelFunc) {
	ctx, stop := context.WithCancel(context.WithoutCancel(told))
	context.AfterFunc(told, func() {
		logger.Info("shutting down: not ready, still serving until the Service no longer sends requests here", "wait", wait)
		time.AfterFunc(wait, stop)
	})
	return ctx, stop
}
