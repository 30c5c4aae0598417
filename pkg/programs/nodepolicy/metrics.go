package nodepolicy

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"data-space.liqo.io/pkg/effects/nodefilter"
)

// metrics are the Prometheus metrics of policies.
type metrics struct {
	duration *prometheus.HistogramVec
	failures prometheus.Counter
	drift    prometheus.Counter
	cut      prometheus.Counter
	refused  *prometheus.CounterVec
	audited  *prometheus.CounterVec

	before map[nodefilter.Refused]uint64 // the kernel's counts at the last look, by family and reason
}

const prefix = "data_space_agent_policy_"

func newMetrics(p *Policies, to prometheus.Registerer) *metrics {
	m := &metrics{
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    prefix + "apply_duration_seconds",
			Help:    "Time from a change that the API server told to its being enforced.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14),
		}, []string{"result"}),
		failures: counter("write_failures_total", "Writes to the node's filter that failed; they are tried again."),
		drift:    counter("drift_findings_total", "Chains, sets and jumps of ours that somebody else had changed; they were repaired."),
		cut:      counter("connections_cut_total", "Connections ended because policies no longer allow them."),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: prefix + "refused_packets_total", Help: "Packets refused, as the kernel counted them at the last look.",
		}, []string{"family", "reason"}),
		audited: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: prefix + "audit_connections_total", Help: "Connections that policies of workloads in mode Audit would have refused.",
		}, []string{"policy", "direction"}),
		before: map[nodefilter.Refused]uint64{},
	}
	info := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: prefix + "info", Help: "How refused packets are answered, and which unknown addresses are closed.",
		ConstLabels: prometheus.Labels{"denial": string(p.Denial), "unknown": string(p.Unknown), "backend": p.Backend},
	}, func() float64 { return 1 })
	to.MustRegister(m.duration, m.failures, m.drift, m.cut, m.refused, m.audited, info, newGauges(p))
	return m
}

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Name: prefix + name, Help: help})
}

// applied counts a change.
func (m *metrics) applied(took time.Duration, err error) {
	result := "written"
	if err != nil {
		result = "failed"
		m.failures.Inc()
	}
	m.duration.WithLabelValues(result).Observe(took.Seconds())
}

// looked counts a look at the kernel, and returns what was refused since the one before. A chain that is written again counts from zero.
func (m *metrics) looked(refused []nodefilter.Refused, err error) (more []nodefilter.Refused) {
	if err != nil {
		m.failures.Inc()
	}
	for _, r := range refused {
		key := nodefilter.Refused{Family: r.Family, Reason: r.Reason}
		since := r.Packets - m.before[key]
		if r.Packets < m.before[key] {
			since = r.Packets
		}
		m.before[key] = r.Packets
		m.refused.WithLabelValues(string(r.Family), string(r.Reason)).Add(float64(since))
		if since > 0 {
			key.Packets = since
			more = append(more, key)
		}
	}
	return more
}

// gauges are read when they are asked for.
type gauges struct {
	policies *Policies
	of       []gauge
}

type gauge struct {
	desc  *prometheus.Desc
	value func(reading) float64
}

func newGauges(p *Policies) gauges {
	g := gauges{policies: p}
	add := func(name, help string, value func(reading) float64) {
		g.of = append(g.of, gauge{desc: prometheus.NewDesc(prefix+name, help, nil, nil), value: value})
	}
	add("in_force", "1 once every list was complete and the kernel held what policies say.", func(r reading) float64 { return number(r.inForce) })
	add("policies", "NetworkPolicies of the cluster.", func(r reading) float64 { return float64(r.Policies) })
	add("policies_on_node", "NetworkPolicies that select a pod of this node.", func(r reading) float64 { return float64(r.PoliciesOn) })
	add("local_pods", "Pods of this node with an address of their own.", func(r reading) float64 { return float64(r.LocalPods) })
	add("isolated_pods", "Pods of this node that a NetworkPolicy selects.", func(r reading) float64 { return float64(r.Isolated) })
	add("escapes", "Bridges of this node whose pods reach each other past the filter.", func(r reading) float64 { return float64(r.escapes) })
	return g
}

// Describe implements prometheus.Collector.
func (g gauges) Describe(to chan<- *prometheus.Desc) {
	for _, one := range g.of {
		to <- one.desc
	}
}

// Collect implements prometheus.Collector.
func (g gauges) Collect(to chan<- prometheus.Metric) {
	r := g.policies.reading()
	for _, one := range g.of {
		to <- prometheus.MustNewConstMetric(one.desc, prometheus.GaugeValue, one.value(r))
	}
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
