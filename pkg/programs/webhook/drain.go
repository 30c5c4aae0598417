package webhook

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// drain has a replica that is told to end serve on until no API server sends it anything: it takes a moment until every node's
// Service proxy knows that the endpoint is gone, and an API server keeps connections that it has.
type drain struct {
	// ending is done when the program is told to end, ended when it has drained.
	ending, ended context.Context
}

func newDrain(ctx context.Context, serve time.Duration) drain {
	ended, stop := context.WithCancel(context.WithoutCancel(ctx))
	context.AfterFunc(ctx, func() { time.AfterFunc(serve, stop) })
	return drain{ending: ctx, ended: ended}
}

// check is a readiness check: an error once the program is told to end.
func (d drain) check(*http.Request) error {
	if d.ending.Err() != nil {
		return errors.New("this replica ends: it serves on until its endpoint is gone")
	}
	return nil
}

// inFrontOf has each answer of an ending replica close its connection: the API server opens the next one to another replica.
func (d drain) inFrontOf(next http.Handler) http.Handler {
	return http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		if d.ending.Err() != nil {
			response.Header().Set("Connection", "close")
		}
		next.ServeHTTP(response, request)
	})
}
