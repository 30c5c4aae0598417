package webhook

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// The sections of a GuestPolicy that have a mode.
const (
	sectionWorkload   = "workload"
	sectionScheduling = "scheduling"
)

// auditCounter counts what mode Audit has admitted, by guest, by what the request was about, and by the section of the GuestPolicy.
type auditCounter struct{ *prometheus.CounterVec }

// newAuditCounter registers the counter.
func newAuditCounter() (auditCounter, error) {
	counter := makeAuditCounter()
	return counter, metrics.Registry.Register(counter)
}

func makeAuditCounter() auditCounter {
	return auditCounter{prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "data_space_webhook_audited_total",
		Help: "Objects that a guest's GuestPolicy does not allow and that were admitted since the section (workload, scheduling) is in mode Audit.",
	}, []string{"guest", "resource", "section"})}
}

func (c auditCounter) count(guest string, req admission.Request, section string) {
	if c.CounterVec != nil {
		c.WithLabelValues(guest, about(req), section).Inc()
	}
}
