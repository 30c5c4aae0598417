package apiproxy

import (
	"time"

	"data-space.liqo.io/pkg/effects/apiserving"
)

// Options are the program's settings, each checked where it was read.
type Options struct {
	Serving apiserving.Config
	// Address is host:port of the proxy, over TLS. MetricsAddress is off at "0".
	Address, MetricsAddress, HealthAddress string
	// MetricsCertDir has the certificate of the metrics (tls.crt, tls.key), followed when it changes; empty: one is made each day.
	MetricsCertDir string
	// RequestsPerCaller bounds the requests of one guest, or of one caller without a guest, that are open at a time, watches included.
	RequestsPerCaller int
	// Audit is where audit events go.
	Audit Audit
	// Direct is where the API server asks, in direct mode.
	Direct Direct
	// Drain is how long the program still serves after SIGTERM.
	Drain time.Duration
}
