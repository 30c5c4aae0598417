package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Until the open requests of a stopped server are cut.
const grace = 5 * time.Second

// Run serves handler on address until ctx ends, then lets open requests finish for up to five seconds.
// It returns nil after an orderly stop.
func Run(ctx context.Context, address string, handler http.Handler) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", address, err)
	}
	slog.Info("serving", "address", listener.Addr().String())
	return Serve(ctx, listener, handler)
}

// Serve is Run on a listener that is already open; it closes the listener.
func Serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      90 * time.Second,
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    16 << 10,
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve on %s: %w", listener.Addr(), err)
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if err := server.Shutdown(stop); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("stop the server on %s: %w", listener.Addr(), err)
	}
	return nil
}

// JSON answers with status and the JSON form of body. A client that has gone is no error of ours.
func JSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		slog.Debug("client went away", "error", err)
	}
}

// Fail answers with status and {"error": text}.
func Fail(w http.ResponseWriter, status int, text string) {
	JSON(w, status, map[string]string{"error": text})
}

// Healthz answers 200 "ok".
func Healthz(w http.ResponseWriter, _ *http.Request) {
	_, _ = w.Write([]byte("ok\n"))
}
