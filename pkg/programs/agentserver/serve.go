package agentserver

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"data-space.liqo.io/pkg/effects/localsock"
	"data-space.liqo.io/pkg/effects/metricsauth"
	"data-space.liqo.io/pkg/values/agentapi"
)

const (
	headerTimeout  = 10 * time.Second
	requestTimeout = time.Minute
	drainTimeout   = 3 * time.Second
)

// Enforcer reads the kernel for the node's foreign pods.
type Enforcer interface {
	// Status returns the state of all pods.
	Status(ctx context.Context) agentapi.NodeStatus
	// Rules returns the rules of one pod; found is false if the node has no foreign pod of that name.
	Rules(ctx context.Context, namespace, name string) (rules agentapi.PodRules, found bool)
}

// Endpoints answers with the status of the node's foreign pods, and with the rules of one.
func Endpoints(e Enforcer, logger *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	deliver := func(w http.ResponseWriter, what any) {
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(what); err != nil {
			logger.Debug("status not delivered", "error", err)
		}
	}
	mux.HandleFunc("GET "+agentapi.EndpointsPath, func(w http.ResponseWriter, r *http.Request) { deliver(w, e.Status(r.Context())) })
	mux.HandleFunc("GET "+agentapi.RulesPath, func(w http.ResponseWriter, r *http.Request) {
		namespace, name := r.URL.Query().Get("namespace"), r.URL.Query().Get("name")
		rules, found := e.Rules(r.Context(), namespace, name)
		if !found {
			http.Error(w, fmt.Sprintf(agentapi.NoForeignPod+"%s/%s on this node; \"agent status\" lists them", namespace, name), http.StatusBadRequest)
			return
		}
		deliver(w, rules)
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

// Serve answers until the context ends, a guarded handler over TLS.
func Serve(ctx context.Context, l net.Listener, h http.Handler) error {
	if guarded, ok := h.(*metricsauth.Guarded); ok {
		l = tls.NewListener(l, guarded.TLS())
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: headerTimeout, ReadTimeout: requestTimeout, WriteTimeout: requestTimeout}
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
