package agent

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"data-space.liqo.io/pkg/decisions/quarantine"
	"data-space.liqo.io/pkg/effects/hostlink"
	"data-space.liqo.io/pkg/reconcilers/podrules"
	"data-space.liqo.io/pkg/values/agentapi"
	"data-space.liqo.io/pkg/values/failure"
	"data-space.liqo.io/pkg/values/iptables"
)

// Metrics are the agent's Prometheus metrics.
type Metrics struct {
	Registry *prometheus.Registry

	duration                             *prometheus.HistogramVec
	writes, drift, repairs, found, ended prometheus.Counter
	failures, frames, answers, unread,
	packets *prometheus.CounterVec
}

// NewMetrics returns metrics in a registry of their own.
func NewMetrics() *Metrics {
	m := &Metrics{
		Registry: prometheus.NewRegistry(),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "data_space_agent_enforce_duration_seconds",
			Help:    "Time to read one pod's rules, write them where they differ, and read them back.",
			Buckets: prometheus.ExponentialBuckets(0.004, 2, 12),
		}, []string{"result"}),
		writes:   counter("data_space_agent_writes_total", "Times that one pod's rules were written."),
		drift:    counter("data_space_agent_drift_findings_total", "Differences found between what was written and what the kernel held later."),
		repairs:  counter("data_space_agent_drift_repaired_total", "Times that one pod's rules were repaired after somebody else changed them."),
		failures: counters("reason", "data_space_agent_failures_total", "Failures by reason."),
		frames: counters("end", "data_space_agent_frames_dropped_total",
			"Frames of foreign pods that were dropped because they are neither IPv4, IPv6 nor ARP, by the end of the link that dropped them."),
	}
	m.found = counter("data_space_agent_found_unenforced_total", "Foreign pods that were found running although nothing had enforced them.")
	m.ended = counter("data_space_agent_proxy_connections_ended_total",
		"Connections of foreign pods' proxies that were reset because the kernel held more for their sockets than the memory limit has room for.")
	m.answers = counters("reason", "data_space_agent_proxy_answers_total",
		"Requests and connections of foreign pods that their proxy answered or closed itself, in the server's place, by the reason in its access log.")
	m.unread = counters("reason", "data_space_agent_proxy_unread_total",
		"Connections of foreign pods that their proxy passed on from some point on without reading them, by the reason.")
	m.packets = counters("rule", "data_space_agent_packets_dropped_total", "Packets that rules in the network namespaces of foreign pods dropped or rejected, by the name of the rule.")
	m.Registry.MustRegister(m.packets, m.ended, m.unread, m.answers, m.duration, m.writes, m.drift, m.repairs, m.failures, m.frames, m.found,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, reason := range failure.Reasons() {
		m.failures.WithLabelValues(reason)
	}
	m.Dropped(hostlink.Filtered{})
	return m
}

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
}

func counters(label, name, help string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})
}

// Dropped counts the frames that filters have dropped.
func (m *Metrics) Dropped(f hostlink.Filtered) {
	m.frames.WithLabelValues(placeNode).Add(float64(f.FromNode))
	m.frames.WithLabelValues(placePod).Add(float64(f.FromPod))
}

// Refused counts packets by the rules that dropped them, and returns them.
func (m *Metrics) Refused(packets iptables.Drops) iptables.Drops {
	for rule, n := range packets {
		m.packets.WithLabelValues(rule).Add(float64(n))
	}
	return packets
}

// Failed counts a failure.
func (m *Metrics) Failed(reason string) { m.failures.WithLabelValues(reason).Inc() }

// Enforced counts one pass over one pod.
func (m *Metrics) Enforced(took time.Duration, out podrules.Outcome, err error) {
	result := "unchanged"
	switch {
	case err != nil:
		result = "failed"
	case out.State.Wrote:
		result = "written"
	}
	m.duration.WithLabelValues(result).Observe(took.Seconds())
	if out.State.Wrote {
		m.writes.Inc()
	}
	if len(out.Repaired) > 0 {
		m.drift.Add(float64(len(out.Repaired)))
		m.repairs.Inc()
	}
}

// endpoints is the number of pods by state, and of quarantined ones by reason, counted when it is asked for.
type endpoints struct {
	pods                          *store
	desc, quarantined, unfiltered *prometheus.Desc
}

// watch adds what is read when it is asked for.
func (m *Metrics) watch(pods *store, events, api func() bool) {
	m.Registry.MustRegister(endpoints{pods: pods, desc: prometheus.NewDesc("data_space_agent_endpoints",
		"Foreign pods of this node by state.", []string{"state"}, nil),
		quarantined: prometheus.NewDesc("data_space_agent_quarantined", "Quarantined pods of this node by reason; a pod may have several.",
			[]string{"reason"}, nil),
		unfiltered: prometheus.NewDesc("data_space_agent_frames_unfiltered", "Foreign pods of this node with a link whose frames no filter sees.", nil, nil)},
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "data_space_agent_runtime_events", Help: "1 while the container runtime sends events.",
		}, func() float64 { return number(events()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "data_space_agent_api_up", Help: "1 while the API server answers.",
		}, func() float64 { return number(api()) }))
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// Describe implements prometheus.Collector.
func (e endpoints) Describe(to chan<- *prometheus.Desc) {
	to <- e.desc
	to <- e.quarantined
	to <- e.unfiltered
}

// Collect implements prometheus.Collector.
func (e endpoints) Collect(to chan<- prometheus.Metric) {
	count, against, open := map[agentapi.State]int{}, map[quarantine.Reason]int{}, 0
	for _, r := range e.pods.all() {
		count[r.state]++
		if r.frameless() {
			open++
		}
		reasons := map[quarantine.Reason]bool{}
		for _, f := range r.findings {
			reasons[f.Reason] = true
		}
		for reason := range reasons {
			against[reason]++
		}
	}
	to <- prometheus.MustNewConstMetric(e.unfiltered, prometheus.GaugeValue, float64(open))
	for _, reason := range quarantine.Reasons() {
		to <- prometheus.MustNewConstMetric(e.quarantined, prometheus.GaugeValue, float64(against[reason]), string(reason))
	}
	for _, s := range agentapi.States() {
		to <- prometheus.MustNewConstMetric(e.desc, prometheus.GaugeValue, float64(count[s]), string(s))
	}
}

// Places of a frame filter, as label of metrics.
const (
	placeNode = "node"
	placePod  = "pod"
)
