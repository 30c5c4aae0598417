package agent

import (
	"time"

	decided "data-space.liqo.io/pkg/decisions/record"
	"data-space.liqo.io/pkg/values/endpoint"
)

// Reasons of the Events that a pod's proxy gave many answers itself, in the servers' place; and that connections of it ended for want of memory.
const (
	eventProxyAnswers = "ProxyAnswers"
	eventProxyMemory  = "ProxyMemory"
)

const (
	// maxAnswerReasons bounds the label values of the metric of the proxies' own answers; what exceeds them is otherReason.
	maxAnswerReasons = 64
	otherReason      = "other"
)

// answers is what is known of the proxies' own answers. It is for one goroutine, that of the recorder.
type answers struct {
	tally decided.Tally
	named map[string]bool // reasons that are counted by name
}

func (r *answers) name(reason string) string {
	if r.named == nil {
		r.named = map[string]bool{}
	}
	if !r.named[reason] && len(r.named) >= maxAnswerReasons {
		return otherReason
	}
	r.named[reason] = true
	return reason
}

// ProxyEnded counts a request or a connection of a pod that has ended, and reports when the proxy gave many answers itself. own is why the
// proxy gave this one itself, or "". It is for one goroutine.
func (a *Agent) ProxyEnded(s decided.Source, own string) {
	if own != "" {
		a.metrics.answers.WithLabelValues(a.answered.name(decided.Reason(own))).Inc()
	}
	if report := a.answered.tally.Add(time.Now(), s, own); report != "" {
		a.Log.Warn(report, "event", eventProxyAnswers, "namespace", s.Namespace, "pod", s.Pod)
		a.reporter.Warning(s.Namespace, s.Pod, s.UID, eventProxyAnswers, report)
	}
}

// connectionsEnded counts connections of a pod's proxy that ended for want of memory. The report, if there is one, becomes an Event; who ended
// them has written to the log.
func (a *Agent) connectionsEnded(e endpoint.Endpoint, ended int, report string) {
	a.metrics.ended.Add(float64(ended))
	if report != "" {
		a.reporter.Warning(e.Namespace, e.Name, e.UID, eventProxyMemory, report)
	}
}

// ProxyGone forgets what was counted of a pod.
func (a *Agent) ProxyGone(s decided.Source) { a.answered.tally.Forget(s) }

// ProxyUnread counts a connection that a proxy does not read any more, or one side of it.
func (a *Agent) ProxyUnread(reason string) {
	a.metrics.unread.WithLabelValues(a.answered.name(reason)).Inc()
}
