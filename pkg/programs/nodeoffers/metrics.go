package nodeoffers

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"data-space.liqo.io/pkg/decisions/vouch"
)

// nodeMetrics count nodes by what was decided. They are safe for concurrent use.
type nodeMetrics struct {
	gauge *prometheus.GaugeVec
	mu    *sync.Mutex
	nodes map[string]vouch.Verdict
}

func newNodeMetrics(to prometheus.Registerer) (nodeMetrics, error) {
	m := nodeMetrics{mu: &sync.Mutex{}, nodes: map[string]vouch.Verdict{}, gauge: prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "data_space_controller_nodes", Help: "Nodes by whether foreign pods are scheduled there, and why.",
	}, []string{"offered", "reason"})}
	return m, to.Register(m.gauge)
}

func (m nodeMetrics) set(node string, v vouch.Verdict) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.take(node)
	m.nodes[node] = v
	m.of(v).Inc()
}

func (m nodeMetrics) forget(node string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.take(node)
	delete(m.nodes, node)
}

func (m nodeMetrics) take(node string) {
	if before, known := m.nodes[node]; known {
		m.of(before).Dec()
	}
}

func (m nodeMetrics) of(v vouch.Verdict) prometheus.Gauge {
	offered := "false"
	if v.Offer {
		offered = "true"
	}
	return m.gauge.WithLabelValues(offered, string(v.Reason))
}
