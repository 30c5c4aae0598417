package agentserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"data-space.liqo.io/pkg/effects/localsock"
	"data-space.liqo.io/pkg/values/agentapi"
)

const (
	headerTimeout  = 10 * time.Second
	requestTimeout = time.Minute
	drainTimeout   = 3 * time.Second
)

// Endpoints answers with the status of the node's foreign pods.
func Endpoints(status func(context.Context) agentapi.NodeStatus, logger *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+agentapi.EndpointsPath, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(status(r.Context())); err != nil {
			logger.Debug("status not delivered", "error", err)
		}
	})
	return mux
}

// Listen opens an address for Serve: host:port, or the path of a unix socket (localsock.Listen).
func Listen(ctx context.Context, address string) (net.Listener, error) {
	if strings.HasPrefix(address, "/") {
		return localsock.Listen(ctx, address)
	}
	var lc net.ListenConfig
	return lc.Listen(ctx, "tcp", address)
}

// Serve answers until the context ends.
func Serve(ctx context.Context, l net.Listener, h http.Handler) error {
	server := &http.Server{Handler: h, ReadHeaderTimeout: headerTimeout, WriteTimeout: requestTimeout}
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
