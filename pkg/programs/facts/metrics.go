package facts

import (
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are those of the log of facts.
type metrics struct {
	recorded, counted, lost, failures prometheus.Counter
	lines, signed                     prometheus.Gauge
	duration                          prometheus.Histogram
	witnessed, refused, hash          *prometheus.GaugeVec
}

// newMetrics returns the metrics, registered.
func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		recorded: prometheus.NewCounter(prometheus.CounterOpts{Name: "data_space_agent_facts_recorded_total", Help: "Facts that are in the node's log."}),
		counted: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "data_space_agent_facts_counted_total", Help: "Facts that were only counted, since more of their kind happened to their pod than are recorded one by one."}),
		lost: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "data_space_agent_facts_lost_total", Help: "Facts for which there was no room while the log could not be written. The log has a fact FactsLost with their number."}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{Name: "data_space_agent_facts_failures_total", Help: "Times that the log of facts could not be written or signed."}),
		lines:    prometheus.NewGauge(prometheus.GaugeOpts{Name: "data_space_agent_facts_lines", Help: "Lines of the node's log since it began."}),
		signed:   prometheus.NewGauge(prometheus.GaugeOpts{Name: "data_space_agent_facts_signed_lines", Help: "Lines that the newest checkpoint of the node's log covers."}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "data_space_agent_facts_append_duration_seconds", Help: "Time until the disk had the facts that were written at once.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 2, 14)}),
	}
	m.witnessed = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "data_space_agent_facts_witnessed_lines", Help: "Lines of the node's log that a witness has cosigned."}, []string{"witness"})
	m.refused = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "data_space_agent_facts_witness_refused", Help: "1 while a witness refuses the node's log, since the log that it knows is not a part of this one."}, []string{"witness"})
	m.hash = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "data_space_agent_facts_checkpoint_hash", Help: "Hash of the newest checkpoint, in six parts of at most 48 bits: a number of Prometheus has no more digits."}, []string{"part"})
	r.MustRegister(m.hash, m.witnessed, m.refused, m.recorded, m.counted, m.lost, m.failures, m.lines, m.signed, m.duration)
	return m
}

func (m *metrics) appended(facts int, took time.Duration) {
	m.recorded.Add(float64(facts))
	m.duration.Observe(took.Seconds())
}

func (m *metrics) size(lines, signed int64) {
	m.lines.Set(float64(lines))
	m.signed.Set(float64(signed))
}

// checkpoint sets the hash of the newest one.
func (m *metrics) checkpoint(hash [32]byte) {
	part := 0
	for bytes := range slices.Chunk(hash[:], 6) {
		var number uint64
		for _, b := range bytes {
			number = number<<8 | uint64(b)
		}
		m.hash.WithLabelValues(strconv.Itoa(part)).Set(float64(number))
		part++
	}
}

func (m *metrics) witness(name string, lines, cosigned int64, err error) {
	refused := 0.0
	if errors.Is(err, errRefused) {
		refused = 1
	}
	m.refused.WithLabelValues(name).Set(refused)
	if err == nil {
		m.witnessed.WithLabelValues(name).Set(float64(min(lines, cosigned)))
	}
}
