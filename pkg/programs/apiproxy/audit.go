package apiproxy

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"data-space.liqo.io/pkg/decisions/apiaudit"
	"data-space.liqo.io/pkg/decisions/window"
	"data-space.liqo.io/pkg/effects/auditlog"
	"data-space.liqo.io/pkg/effects/factlines"
	"data-space.liqo.io/pkg/effects/upstream"
)

// Audit is where audit events go: a file, "-" for standard output, or empty. Bytes bounds one file, Kept how many full ones stay beside it.
type Audit struct {
	Path  string
	Bytes int64
	Kept  int
}

// audit keeps each request: as an event of audit.k8s.io, and as a fact in the record.
type audit struct {
	log   *auditlog.Log
	facts *factBudget // nil: none
}

// newAudit opens the log of events.
func newAudit(o Audit, facts factlines.Sink, registry *prometheus.Registry) (audit, error) {
	events, err := auditlog.Open(o.Path, o.Bytes, o.Kept)
	if err != nil {
		return audit{}, err
	}
	registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "data_space_proxy_audit_lost_total", Help: "Audit events that were not written: the disk failed or was too slow.",
	}, func() float64 { return float64(events.Lost()) }))
	return audit{events, newFactBudget(facts)}, nil
}

// runAudit writes events until ctx ends.
func (p *proxy) runAudit(ctx context.Context, group *errgroup.Group) {
	group.Go(func() error { p.audit.facts.run(ctx.Done()); return nil })
	group.Go(func() error { p.logged.run(ctx.Done()); return nil })
	group.Go(func() error { p.failures.run(ctx.Done()); return nil })
	group.Go(func() error {
		return p.audit.log.Run(ctx.Done(), func(err error) { p.log.Error("audit events are lost; free the disk", "error", err) })
	})
}

// keep keeps a request that has reached a stage.
func (a audit) keep(r apiaudit.Request, stage apiaudit.Stage, verdict window.Action, code int) {
	r.Stage, r.Verdict, r.Code, r.Came = stage, string(verdict), code, time.Now()
	a.facts.emit(r.Fact(), r.Sender.Name)
	if a.log == nil {
		return
	}
	if line, err := r.Event(); err == nil { // of texts: it does not fail
		a.log.Write(line)
	}
}

// auditUser returns a caller as it is kept.
func auditUser(id upstream.Identity) apiaudit.User {
	return apiaudit.User{Name: id.Name, Groups: id.Groups}
}

// lasting reports whether the answer to a request is a stream that may last.
func lasting(r *http.Request, asked window.Request) bool {
	if asked.Verb == "watch" || asked.VerbInPath || r.Header.Get("Upgrade") != "" {
		return true
	}
	follow, err := strconv.ParseBool(asked.Query.Get("follow"))
	return asked.Subresource == "log" && (follow || err != nil && asked.Query.Has("follow"))
}
