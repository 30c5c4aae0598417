package webhook

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"
)

// drain has a replica that is told to end serve on until no API server sends it anything: it takes a moment until every node's
// Service proxy knows that the endpoint is gone, and an API server keeps connections that it has.
type drain struct {
	// ending is closed when the program is told to end.
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

// check is a readiness check: an error once the program is told to end.
func (d drain) check(*http.Request) error {
	if d.begun() {
		return errors.New("this replica ends: it serves on until its endpoint is gone")
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

// drained returns a context that ends that long after the program was told to end, or by the function that is returned.
func drained(told context.Context, wait time.Duration, logger *slog.Logger) (context.Context, context.CancelFunc) {
	ctx, stop := context.WithCancel(context.WithoutCancel(told))
	context.AfterFunc(told, func() {
		logger.Info("told to end: not ready any more, serving on until the endpoint is gone", "time", wait)
		time.AfterFunc(wait, stop)
	})
	return ctx, stop
}
