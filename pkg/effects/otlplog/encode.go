package otlplog

import (
	"fmt"
	"maps"
	"slices"
	"time"

	common "go.opentelemetry.io/proto/otlp/common/v1"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	resource "go.opentelemetry.io/proto/otlp/resource/v1"
	"google.golang.org/protobuf/proto"

	"data-space.liqo.io/pkg/values/fact"
)

// encode renders facts as an ExportLogsServiceRequest, which has the form of LogsData. Names of attributes are those of OpenTelemetry's
// semantic conventions where these have one. Texts have the bounds and the escapes that they have in the log of facts.
func encode(node, version string, now time.Time, facts []fact.Recorded) ([]byte, error) {
	records := make([]*logs.LogRecord, len(facts))
	for i, f := range facts {
		records[i] = record(f, now)
	}
	return proto.Marshal(&logs.LogsData{ResourceLogs: []*logs.ResourceLogs{{
		Resource: &resource.Resource{Attributes: []*common.KeyValue{
			text("service.name", "data-space-agent"), text("service.version", version), text("k8s.node.name", node),
		}},
		ScopeLogs: []*logs.ScopeLogs{{Scope: &common.InstrumentationScope{Name: "data-space.liqo.io/facts", Version: fmt.Sprint(fact.Version)}, LogRecords: records}},
	}}})
}

func record(f fact.Recorded, now time.Time) *logs.LogRecord {
	r := &logs.LogRecord{
		TimeUnixNano: uint64(f.Time.UnixNano()), ObservedTimeUnixNano: uint64(now.UnixNano()),
		SeverityNumber: logs.SeverityNumber_SEVERITY_NUMBER_INFO, SeverityText: "INFO", EventName: fact.Printable(string(f.Kind), fact.MaxName),
		Body: &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: fact.Printable(f.Message, fact.MaxMessage)}},
	}
	if f.Warning {
		r.SeverityNumber, r.SeverityText = logs.SeverityNumber_SEVERITY_NUMBER_WARN, "WARN"
	}
	add := func(name, value string, most int) {
		if value != "" {
			r.Attributes = append(r.Attributes, text(name, fact.Printable(value, most)))
		}
	}
	add("data_space.guest", f.Subject.Guest, fact.MaxName)
	add("k8s.namespace.name", f.Subject.Namespace, fact.MaxName)
	add("k8s.pod.name", f.Subject.Pod, fact.MaxName)
	add("k8s.pod.uid", f.Subject.UID, fact.MaxName)
	add("data_space.reason", f.Reason, fact.MaxName)
	r.Attributes = append(r.Attributes, number("data_space.index", f.Index))
	if f.Count != 0 {
		r.Attributes = append(r.Attributes, number("data_space.count", f.Count))
	}
	names := slices.Sorted(maps.Keys(f.Details))
	for _, name := range names[:min(len(names), fact.MaxDetails)] {
		add("data_space.details."+fact.Printable(name, fact.MaxName), f.Details[name], fact.MaxMessage)
	}
	return r
}

func text(name, value string) *common.KeyValue {
	return &common.KeyValue{Key: name, Value: &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: value}}}
}

func number(name string, value int64) *common.KeyValue {
	return &common.KeyValue{Key: name, Value: &common.AnyValue{Value: &common.AnyValue_IntValue{IntValue: value}}}
}
