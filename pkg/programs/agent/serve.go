package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// StatusPath is what the status socket answers.
const StatusPath = "/v1/endpoints"

const (
	callAllowance  = 10 * time.Second
	requestTimeout = time.Minute
	drainTimeout   = 3 * time.Second
)

// StatusHandler answers on the local socket.
func (a *Agent) StatusHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+StatusPath, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(a.Status(r.Context())); err != nil {
			a.Log.Debug("status not delivered", "error", err)
		}
	})
	return mux
}

// Listen opens an address for Serve: host:port, or the path of a unix socket, which only the owner may use (0600). What a
// dead agent left at the path is replaced; a living one is an error.
func Listen(ctx context.Context, address string) (net.Listener, error) {
	var lc net.ListenConfig
	if !strings.HasPrefix(address, "/") {
		return lc.Listen(ctx, "tcp", address)
	}
	if err := os.MkdirAll(filepath.Dir(address), 0o750); err != nil {
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	var d net.Dialer
	if conn, err := d.DialContext(ctx, "unix", address); err == nil {
		return nil, errors.Join(fmt.Errorf("listen on %s: another agent answers there", address), conn.Close())
	}
	if err := os.Remove(address); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	// Made under another name, so that nobody finds it before its mode is set.
	hidden := address + ".new"
	if err := os.Remove(hidden); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	l, err := lc.Listen(ctx, "unix", hidden)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(os.Chmod(hidden, 0o600), os.Rename(hidden, address)); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// Serve answers until the context ends.
func Serve(ctx context.Context, l net.Listener, h http.Handler) error {
	server := &http.Server{Handler: h, ReadHeaderTimeout: callAllowance, WriteTimeout: requestTimeout}
	stop := context.AfterFunc(ctx, func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
		defer cancel()
		_ = server.Shutdown(ctx) // what does not end in time is cut
	})
	defer stop()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %s: %w", l.Addr(), err)
	}
	return nil
}
