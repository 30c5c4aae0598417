package facts

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"data-space.liqo.io/pkg/effects/buildinfo"
	"data-space.liqo.io/pkg/effects/otlplog"
)

// ParseCollector accepts the URL of a collector of OpenTelemetry.
func ParseCollector(text string) (string, error) { return otlplog.ParseURL(text) }

// newExport makes what sends the facts to the collector, if there is one. A fact is sent once it is in the log.
func (e *Emitter) newExport(r prometheus.Registerer) {
	if e.Collector == "" {
		return
	}
	sent := prometheus.NewCounter(prometheus.CounterOpts{Name: "data_space_agent_facts_exported_total", Help: "Facts that the collector of OpenTelemetry has taken."})
	lost := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "data_space_agent_facts_export_lost_total", Help: "Facts that the collector of OpenTelemetry was not sent, or refused. They are in the node's log."})
	r.MustRegister(sent, lost)
	e.export = otlplog.New(otlplog.Config{
		URL: e.Collector, Node: e.Options.Node, Version: buildinfo.Version(),
		Sent: func(n int) { sent.Add(float64(n)) }, Lost: func(n int) { lost.Add(float64(n)) },
		Failed: func(err error) {
			if err != nil {
				e.Log.Error("facts are not sent to the collector of OpenTelemetry; they are in the node's log", "url", e.Collector, "error", err)
				return
			}
			e.Log.Info("facts are sent to the collector of OpenTelemetry again", "url", e.Collector)
		},
	})
}

// exports sends facts until the context ends.
func (e *Emitter) exports(ctx context.Context) {
	if e.export != nil {
		e.export.Run(ctx)
	}
}
