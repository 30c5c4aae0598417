package apiproxy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"data-space.liqo.io/pkg/effects/apiserving"
	"data-space.liqo.io/pkg/effects/factlines"
	"data-space.liqo.io/pkg/effects/metricsauth"
	"data-space.liqo.io/pkg/effects/upstream"
)

// Bounds of what a client can make the program hold.
const (
	headerTimeout  = 10 * time.Second // of the TLS handshake and the headers, and of what is left of a body when its request is answered
	maxHeaderBytes = 128 << 10
	idleTimeout    = 2 * time.Minute
	streamsPerConn = 250
	pingAfter      = 30 * time.Second // a connection that is silent is asked
	pingTimeout    = 15 * time.Second // and closed without an answer
	writeTimeout   = 60 * time.Second // of a client that reads nothing
	endTimeout     = 5 * time.Second  // for requests that are open when the drain has passed
	endStep        = 10 * time.Millisecond
)

// Run serves until ctx ends. It returns an error when the API server refuses what the program needs.
func Run(ctx context.Context, config *rest.Config, o Options, logger *slog.Logger) error {
	config = rest.CopyConfig(config)
	config.QPS, config.Burst = 200, 400 // reviews of tokens; requests of callers are not limited by it
	clients, tokens, err := newClients(config)
	if err != nil {
		return fmt.Errorf("setting up against the API server %s: %w; check --kubeconfig", config.Host, err)
	}
	known, err := newSources(config)
	if err != nil {
		return err
	}
	serving, err := apiserving.New(ctx, o.Serving, tokens, known.guestOf)
	if err != nil {
		return err
	}
	server, err := upstream.New(config)
	if err != nil {
		return err
	}
	if err := upstream.ReportRights(ctx, clients, logger); err != nil {
		return err
	}
	registry := prometheus.NewRegistry()
	p := &proxy{serving: serving, clients: clients, server: server, guests: known, open: newQuota(o.RequestsPerCaller, unlimited), heavy: newLines(mostHeld), asking: newLines(mostAsking), writes: newLines(mostWrites), streams: newQuota(streamsPerGuest, streamsOfAll), meters: newMeters(registry), logged: newRequestLog(logger), failures: newFailureLog(logger), log: logger}
	if p.audit, err = newAudit(o.Audit, factlines.From(ctx), registry); err != nil {
		return err
	}
	p.forward = p.newForward()
	known.changed = p.watches.check
	return p.serve(ctx, o, registry, known)
}

// newClients returns two connections, each with a rate of its own: reviews of tokens, which clients without credentials can cause, do not delay other requests.
func newClients(config *rest.Config) (clients, tokens kubernetes.Interface, err error) {
	if clients, err = kubernetes.NewForConfig(config); err != nil {
		return nil, nil, err
	}
	tokens, err = kubernetes.NewForConfig(config)
	return clients, tokens, err
}

// serve runs the listeners and what they stand on.
func (p *proxy) serve(ctx context.Context, o Options, registry *prometheus.Registry, known *sources) error {
	lasting, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	group, working := errgroup.WithContext(lasting)
	group.Go(func() error { p.serving.Run(working); return nil })
	group.Go(func() error { return known.run(working) })
	p.runAudit(working, group)
	main := p.newServer(lasting, o)
	ready := &readiness{proxy: p, ending: ctx.Done()}
	group.Go(func() error { return closed(main.ListenAndServeTLS("", "")) })
	small := []*http.Server{p.smallServer(o.HealthAddress, ready.handler())}
	if o.MetricsAddress != "0" {
		small = append(small, p.metricsServer(o, promhttp.HandlerFor(registry, promhttp.HandlerOpts{})))
	}
	for _, s := range small {
		group.Go(func() error {
			if s.TLSConfig != nil {
				return closed(s.ListenAndServeTLS("", ""))
			}
			return closed(s.ListenAndServe())
		})
	}
	if o.Direct.Address != "0" {
		asked := p.newDirectServer(o.Direct, registry)
		group.Go(func() error { return closed(asked.ListenAndServeTLS("", "")) })
		small = append(small, asked)
	}
	group.Go(func() error {
		defer stop()
		select {
		case <-ctx.Done():
		case <-working.Done():
			return nil
		}
		p.log.Info("shutting down: not ready, still serving until the Service no longer sends requests here", "wait", o.Drain)
		time.Sleep(o.Drain)
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
		defer cancel()
		p.watches.endAll()
		err := main.Shutdown(ending)
		for len(p.watches.list()) > 0 && ending.Err() == nil { // those by a websocket, of which the server does not know
			time.Sleep(endStep)
		}
		for _, s := range small {
			err = errors.Join(err, s.Close())
		}
		if errors.Is(err, context.DeadlineExceeded) {
			return main.Close() // exec sessions and the like, which have no end of their own
		}
		return err
	})
	return group.Wait()
}

// smallServer serves requests without bodies.
func (p *proxy) smallServer(address string, h http.Handler) *http.Server {
	problems := slog.NewLogLogger(p.log.Handler(), slog.LevelDebug) // a client causes one by each TLS handshake that fails
	return &http.Server{Addr: address, Handler: h, ErrorLog: problems, ReadHeaderTimeout: headerTimeout, ReadTimeout: headerTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout}
}

// metricsServer asks the API server who may read the metrics, unless only this machine can.
func (p *proxy) metricsServer(o Options, h http.Handler) *http.Server {
	if !metricsauth.Needed(o.MetricsAddress) {
		return p.smallServer(o.MetricsAddress, h)
	}
	guarded := metricsauth.With(p.clients, metricsauth.NewCertificate(o.MetricsCertDir), h)
	s := p.smallServer(o.MetricsAddress, guarded)
	s.TLSConfig = guarded.TLS()
	return s
}

func (p *proxy) newServer(ctx context.Context, o Options) *http.Server {
	return &http.Server{
		Addr: o.Address, Handler: p, TLSConfig: p.serving.TLS(), ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxHeaderBytes, BaseContext: func(net.Listener) context.Context { return ctx },
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: streamsPerConn, MaxReceiveBufferPerStream: upstream.Window,
			SendPingTimeout: pingAfter, PingTimeout: pingTimeout, WriteByteTimeout: writeTimeout,
		},
		ErrorLog: slog.NewLogLogger(p.log.Handler(), slog.LevelDebug),
	}
}

func closed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
