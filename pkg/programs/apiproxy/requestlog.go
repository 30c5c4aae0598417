package apiproxy

import (
	"log/slog"
	"time"

	"data-space.liqo.io/pkg/decisions/apiaudit"
	"data-space.liqo.io/pkg/decisions/factrate"
	recorded "data-space.liqo.io/pkg/values/fact"
)

// newRequestLog bounds the lines of the log about requests: 2,000 at once and 100 a second of each guest or caller, and of all who have no credentials 500 and 50. The
// agent reads at most 4 MiB a second of a container's log, which has the facts of all guests as well, and a line has up to some kilobytes.
func newRequestLog(log *slog.Logger) *factBudget {
	return &factBudget{
		sink:     unlogged{log},
		callers:  factrate.New(factrate.Limits{Burst: 2000, Every: 10 * time.Millisecond, All: 500, Subjects: 4096}),
		unknowns: factrate.New(factrate.Limits{Burst: 500, Every: 20 * time.Millisecond, All: 50, Subjects: 1}),
	}
}

// newFailureLog bounds the lines about requests that the API server has not answered: 100 at once and one a second of each guest or caller.
func newFailureLog(logger *slog.Logger) *factBudget {
	limits := factrate.Limits{Burst: 100, Every: time.Second, All: 50, Subjects: 4096}
	return &factBudget{sink: unlogged{logger.With("of", "request failed")}, callers: factrate.New(limits), unknowns: factrate.New(limits)}
}

// unlogged logs how many requests were only counted.
type unlogged struct{ log *slog.Logger }

// Emit implements factlines.Sink.
func (u unlogged) Emit(f recorded.Fact) {
	u.log.Warn("requests were not logged one by one", "guest", f.Subject.Guest, "caller", short(f.Details["reason"]), "count", f.Count)
}

// logs reports whether a request has a line of its own.
func (p *proxy) logs(f fact) bool {
	return p.logged == nil || p.logged.takes(f.kept.Fact(), f.kept.Sender.Name)
}

// logsFailure reports whether the failure of a request has a line of its own.
func (p *proxy) logsFailure(planned *plan) bool {
	by := apiaudit.Request{Guests: planned.ids, Sender: auditUser(planned.caller)}
	return p.failures == nil || p.failures.takes(by.Fact(), by.Sender.Name)
}

// mostLogged bounds each text of a request in the log: a path may have as many bytes as all headers, also one of a caller without credentials.
const mostLogged = 512

func short(text string) string {
	if len(text) > mostLogged {
		return text[:mostLogged] + "…"
	}
	return text
}
