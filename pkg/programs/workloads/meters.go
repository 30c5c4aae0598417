package workloads

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	networkingv1 "k8s.io/api/networking/v1"

	"data-space.liqo.io/pkg/decisions/leastpriv"
)

// meters count what the rounds do. They are safe for concurrent use.
type meters struct {
	policies        *prometheus.GaugeVec
	writes          *prometheus.CounterVec
	findings, taken prometheus.Gauge
	seconds         prometheus.Histogram
}

func newMeters(to prometheus.Registerer) (meters, error) {
	m := meters{
		policies: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "data_space_controller_workload_policies", Help: "Wanted NetworkPolicies of workloads, by mode.",
		}, []string{"mode"}),
		writes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "data_space_controller_workload_policy_writes_total", Help: "Requests that write a NetworkPolicy of a workload, by verb.",
		}, []string{"verb"}),
		findings: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "data_space_controller_workload_policy_findings", Help: "What workloads mention and their policies do not open.",
		}),
		taken: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "data_space_controller_workload_policy_names_taken", Help: "Workloads without a policy, because another NetworkPolicy has its name.",
		}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "data_space_controller_workload_round_duration_seconds", Help: "How long a decision over all workloads takes, without its writes.",
			Buckets: []float64{.005, .02, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}),
	}
	return m, errors.Join(to.Register(m.policies), to.Register(m.writes), to.Register(m.findings), to.Register(m.taken), to.Register(m.seconds))
}

func (m meters) round(took time.Duration, policies []*networkingv1.NetworkPolicy) {
	m.seconds.Observe(took.Seconds())
	m.policies.Reset()
	for _, p := range policies {
		m.policies.WithLabelValues(p.Labels[leastpriv.LabelPolicy]).Inc()
	}
}

func (m meters) found(findings, taken int) {
	m.findings.Set(float64(findings))
	m.taken.Set(float64(taken))
}
