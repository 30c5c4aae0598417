package apiproxy

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// answerHolds is how long what the API server has answered holds for probes, which come without credentials.
const answerHolds = time.Second

// readiness answers probes. It is safe for concurrent use.
type readiness struct {
	proxy  *proxy
	ending <-chan struct{}

	mu    sync.Mutex // is held while the API server is asked: one request at a time
	asked time.Time
	last  error
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
	return c.serves(ctx)
}

// serves returns why the API server does not serve, or nil, as it was at most answerHolds ago.
func (c *readiness) serves(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.asked) > answerHolds {
		c.last = c.ask(context.WithoutCancel(ctx)) // it is the answer to others too
		c.asked = time.Now()
	}
	return c.last
}

// ask returns why the API server does not serve, or nil.
func (c *readiness) ask(ctx context.Context) error {
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
