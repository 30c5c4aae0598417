package startgate

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"data-space.liqo.io/pkg/values/gate"
)

// metrics tell what the gate costs a pod's start.
type metrics struct {
	duration *prometheus.HistogramVec
	restored prometheus.Counter
	binding  *prometheus.HistogramVec
	live     *atomic.Bool
	vouched  *atomic.Bool
}

func newMetrics(to prometheus.Registerer) metrics {
	m := metrics{live: &atomic.Bool{}, vouched: &atomic.Bool{}, duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "data_space_agent_gate_duration_seconds",
		Help:    "Time that a pod's start was held, by what was asked and answered.",
		Buckets: []float64{.001, .0025, .005, .01, .02, .03, .04, .05, .06, .08, .1, .15, .25, .5, 1, 2.5, 5, 10, 30},
	}, []string{"op", "verdict", "reason"}), restored: prometheus.NewCounter(prometheus.CounterOpts{
		Name: "data_space_agent_cni_restored_total", Help: "Times that the CNI plugin was put back after others had removed or replaced it.",
	}), binding: prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "data_space_agent_bind_duration_seconds",
		Help:    "Time that a proxy's start was held until the exemption was bound to it.",
		Buckets: []float64{.005, .01, .02, .03, .04, .05, .06, .08, .1, .15, .25, .5, 1, 2.5},
	}, []string{"result"})}
	live := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "data_space_agent_nri_connected", Help: "1 while the runtime announces containers before they start (NRI).",
	}, func() float64 { return number(m.live.Load()) })
	vouched := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "data_space_agent_vouched", Help: "1 while the agent renews the Lease of its node, so that foreign pods are scheduled there.",
	}, func() float64 { return number(m.vouched.Load()) })
	to.MustRegister(m.duration, m.restored, m.binding, live, vouched)
	return m
}

func (m metrics) took(op gate.Op, a gate.Answer, d time.Duration) {
	m.duration.WithLabelValues(string(op), string(a.Verdict), a.Reason).Observe(d.Seconds())
}

func (m metrics) bound(d time.Duration, err error) {
	result := "bound"
	if err != nil {
		result = "failed"
	}
	m.binding.WithLabelValues(result).Observe(d.Seconds())
}

// Announced is whether the runtime announces containers now.
func (g *Gate) Announced() *atomic.Bool { return g.metrics.live }

// Restored counts that the CNI plugin was put back.
func (g *Gate) Restored() { g.metrics.restored.Inc() }

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
