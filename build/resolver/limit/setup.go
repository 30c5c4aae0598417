package limit

import (
	"fmt"
	"strconv"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	"github.com/prometheus/client_golang/prometheus"
)

// Register makes the plugin known to CoreDNS.
func Register() { plugin.Register(name, setup) }

func setup(c *caddy.Controller) error {
	rate, burst, err := parse(c)
	if err != nil {
		return plugin.Error(name, err)
	}
	refused := prometheus.NewCounter(prometheus.CounterOpts{
		Namespace: plugin.Namespace, Subsystem: name, Name: "refused_total",
		Help: "Questions that were refused because their client asked more than its limit allows.",
	})
	h := &handler{buckets: newBuckets(rate, burst), refused: refused, log: report(rate)}
	done, ended := make(chan struct{}), make(chan struct{})
	c.OnStartup(func() error {
		// After a reload the counter of the configuration before is still registered; it goes on.
		if err := prometheus.Register(refused); err != nil {
			already, same := err.(prometheus.AlreadyRegisteredError) //nolint:errorlint // returned as it is
			if !same {
				return err
			}
			h.refused = already.ExistingCollector.(prometheus.Counter) //nolint:forcetypeassert // this package registered it
		}
		go func() {
			defer close(ended)
			h.watch(done)
		}()
		return nil
	})
	c.OnShutdown(func() error {
		close(done)
		<-ended
		return nil
	})
	dnsserver.GetConfig(c).AddPlugin(func(next plugin.Handler) plugin.Handler {
		h.next = next
		return h
	})
	return nil
}

func parse(c *caddy.Controller) (rate, burst int, err error) {
	for c.Next() {
		args := c.RemainingArgs()
		if len(args) != 2 || c.NextBlock() {
			return 0, 0, c.ArgErr()
		}
		if rate, err = positive("RATE", args[0]); err != nil {
			return 0, 0, err
		}
		if burst, err = positive("BURST", args[1]); err != nil {
			return 0, 0, err
		}
	}
	return rate, burst, nil
}

func positive(what, text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("invalid %s %q: use a number above 0", what, text)
	}
	return n, nil
}
