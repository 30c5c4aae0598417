package apiproxy

import (
	"strconv"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

type meters struct {
	requests *prometheus.CounterVec
	open     prometheus.Gauge
	served   sync.Map // kinds
}

func newMeters(registry *prometheus.Registry) *meters {
	m := &meters{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "data_space_proxy_requests_total", Help: "Requests by verb, kind, code of the answer and verdict.",
		}, []string{"verb", "kind", "code", "verdict"}),
		open: prometheus.NewGauge(prometheus.GaugeOpts{Name: "data_space_proxy_open_requests", Help: "Requests that are open, watches included."}),
	}
	registry.MustRegister(m.requests, m.open, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// count counts a request. A kind of which no request has succeeded yet has no label of its own: callers could name as many as they like.
func (m *meters) count(f fact) {
	kind := f.kind
	if f.code < 400 {
		m.served.Store(kind, true)
	} else if _, served := m.served.Load(kind); !served {
		kind = "unknown"
	}
	m.requests.WithLabelValues(f.verb, kind, strconv.Itoa(f.code), string(f.verdict)).Inc()
}
