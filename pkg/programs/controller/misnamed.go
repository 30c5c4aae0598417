package controller

import "github.com/prometheus/client_golang/prometheus"

func newMisnames() prometheus.Gauge {
	return prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "data_space_controller_misnamed_namespaces", Help: "Guests' namespaces with a name that admission would reject today.",
	})
}

// ending notes that a namespace is being deleted.
func (r *reporter) ending(namespace string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.countMisnamed(namespace, false)
}

// countMisnamed keeps the metric at the number of misnamed namespaces. The caller holds the lock.
func (r *reporter) countMisnamed(namespace string, misnamed bool) {
	if misnamed {
		r.misnamed[namespace] = true
	} else {
		delete(r.misnamed, namespace)
	}
	r.misnames.Set(float64(len(r.misnamed)))
}
