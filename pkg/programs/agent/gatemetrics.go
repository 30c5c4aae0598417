package agent

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"data-space.liqo.io/pkg/values/gate"
)

// gateMetrics tell what the gate costs a pod's start.
type gateMetrics struct {
	duration *prometheus.HistogramVec
	restored prometheus.Counter
}

func newGateMetrics(to prometheus.Registerer) gateMetrics {
	m := gateMetrics{duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "data_space_agent_gate_duration_seconds",
		Help:    "Time that a pod's start was held, by what was asked and answered.",
		Buckets: []float64{.001, .0025, .005, .01, .02, .03, .04, .05, .06, .08, .1, .15, .25, .5, 1, 2.5, 5, 10, 30},
	}, []string{"op", "verdict", "reason"}), restored: prometheus.NewCounter(prometheus.CounterOpts{
		Name: "data_space_agent_cni_restored_total", Help: "Times that the CNI plugin was put back after others had removed or replaced it.",
	})}
	to.MustRegister(m.duration, m.restored)
	return m
}

func (m gateMetrics) took(op gate.Op, a gate.Answer, d time.Duration) {
	m.duration.WithLabelValues(string(op), string(a.Verdict), a.Reason).Observe(d.Seconds())
}

// Restored counts that the CNI plugin was put back.
func (g *Gate) Restored() { g.metrics.restored.Inc() }
