package nri

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"github.com/containerd/nri/pkg/stub"
)

// Pauses between attempts to connect.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 5 * time.Second
)

// registration bounds the way from the connection to the first call.
const registration = 10 * time.Second

// Names by which the runtime knows the plugin: 90 comes after those that change what a container is.
const (
	name  = "data-space"
	index = "90"
)

// Connection has the settings of a connection to the runtime.
type Connection struct {
	Socket func() string // the path of the runtime's socket in this mount namespace; called before each attempt
	Log    *slog.Logger
	Live   *atomic.Bool // true while the runtime sends events
}

// Run connects to the runtime, and again whenever the connection ends, until the context does. If the runtime
// offers no NRI, Run logs it once and keeps trying.
func (c Connection) Run(ctx context.Context, h Handler) {
	pause, said := firstPause, ""
	for ctx.Err() == nil {
		began := time.Now()
		err := c.once(ctx, h)
		was := c.Live.Swap(false)
		switch {
		case ctx.Err() != nil:
			return
		case was:
			c.Log.Warn("NRI: the runtime ended the connection: the exemption of a proxy is bound by the runtime's events until it is back", "error", err)
			pause, said = firstPause, ""
		case err != nil && said != plain(err):
			said = plain(err)
			c.Log.Info("NRI is off: the exemption of a proxy is bound by the runtime's events instead", "reason", said, "socket", c.Socket())
		}
		if time.Since(began) > lastPause {
			pause = firstPause
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, lastPause)
	}
}

// plain leaves out of an error what differs from one attempt to the next.
func plain(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "the runtime offers no NRI socket"
	default:
		return err.Error()
	}
}

// once is one connection, from its beginning to its end.
func (c Connection) once(ctx context.Context, h Handler) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", c.Socket())
	if err != nil {
		return err
	}
	p := &plugin{handler: h, live: c.Live}
	s, err := stub.New(p, stub.WithPluginName(name), stub.WithPluginIdx(index), stub.WithConnection(conn),
		stub.WithOnClose(func() {}), stub.WithLogger(logger{c.Log}))
	if err != nil {
		return errors.Join(fmt.Errorf("NRI: %w", err), conn.Close())
	}
	p.within = func(ctx context.Context) (context.Context, context.CancelFunc) {
		// The runtime closes the connection of a plugin that answers too late, and goes on as if there was none. One that
		// does not say how long it waits has the usual patience. Half of it is left for the way of the answer: on a node
		// whose cores are all busy, a program waits for its turn several times on that way.
		return context.WithTimeout(ctx, cmp.Or(s.RequestTimeout(), stub.DefaultRequestTimeout)/2)
	}
	// The stub waits forever for a runtime that registers a plugin and then sends it nothing.
	watchdog := time.AfterFunc(registration, func() {
		if !c.Live.Load() {
			_ = conn.Close()
		}
	})
	defer watchdog.Stop()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	return errors.Join(s.Run(ctx), closed(conn))
}

func closed(conn net.Conn) error {
	if err := conn.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// logger writes the stub's lines to our log: warnings and errors at level Warn, all others at level Debug.
type logger struct{ log *slog.Logger }

// Debugf implements the stub's Logger.
func (l logger) Debugf(ctx context.Context, format string, args ...any) {
	l.log.DebugContext(ctx, "NRI: "+fmt.Sprintf(format, args...))
}

// Infof implements the stub's Logger.
func (l logger) Infof(ctx context.Context, format string, args ...any) {
	l.Debugf(ctx, format, args...)
}

// Warnf implements the stub's Logger.
func (l logger) Warnf(ctx context.Context, format string, args ...any) {
	l.log.WarnContext(ctx, "NRI: "+fmt.Sprintf(format, args...))
}

// Errorf implements the stub's Logger.
func (l logger) Errorf(ctx context.Context, format string, args ...any) {
	l.Warnf(ctx, format, args...)
}
