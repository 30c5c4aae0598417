package apiproxy

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// readiness answers probes.
type readiness struct {
	proxy  *proxy
	ending <-chan struct{}
}

func (c *readiness) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) })
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, r *http.Request) {
		if err := c.check(r.Context()); err != nil {
			c.proxy.log.Info("not ready", "reason", err)
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ok"))
	})
	return mux
}

// check returns why requests cannot be answered now, or nil.
func (c *readiness) check(ctx context.Context) error {
	select {
	case <-c.ending:
		return fmt.Errorf("shutting down: still serving until the Service no longer sends requests here")
	default:
	}
	if _, synced := c.proxy.guests.Guests(); !synced {
		return fmt.Errorf("the guests are not known yet")
	}
	if err := c.proxy.serving.Ready(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://upstream/", nil)
	if err != nil {
		return err
	}
	c.proxy.server.Aim(request, "/readyz", "", "")
	response, err := c.proxy.server.RoundTrip(request)
	if err != nil {
		return fmt.Errorf("the API server cannot be reached: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the API server answers /readyz with %d", response.StatusCode)
	}
	return nil
}
